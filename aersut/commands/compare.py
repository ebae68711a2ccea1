"""Compare runs in a table.

{program} --mode=compare
    Print a table of all runs below runs/: metrics, and what differs between them.
{program} --mode=compare --workdir=RUN_A,RUN_B --sort=wa
    Compare two runs, sorted by WA, the highest first.
{program} --mode=compare --workdir=RUN_A,RUN_B --baseline=RUN_A
    Add the difference of the UAR of each run from that of RUN_A on the same clips, with its paired 95 % interval.
"""

import json

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, folders
from aersut.paths import expanded

flags.DEFINE_string("sort", "uar", "Sort by a metric (best first), by a key of the configuration, or by folder.")
flags.DEFINE_string("baseline", None, "A compared run: print the differences of the others' UARs from its UAR.")


def _run(arguments: Arguments) -> None:
    from aersut.evaluation import comparison

    compared = [comparison.read_compared_run(folder) for folder in comparison.find_results(folders("runs"))]
    if FLAGS.baseline is not None:
        compared = comparison.with_differences(compared, expanded(FLAGS.baseline))
    runs = comparison.sort_runs(compared, FLAGS.sort)
    print(json.dumps(comparison.comparison_json(runs), indent=2) if FLAGS.json else comparison.comparison_table(runs))


COMMAND = Command(
    _run,
    __doc__,
    flags=("workdir", "baseline", "sort", "json"),
    notes={"workdir": "Folders of runs or of pooled folds, or folders above them, separated by commas; default: runs."},
    extras=("train",),
)
