"""Compare runs in a table.

{program} --mode=compare
    Print a table of all runs below runs/: metrics, and what differs between them.
{program} --mode=compare --workdir=RUN_A,RUN_B --sort=wa
    Compare two runs, sorted by WA, the highest first.
"""

import json

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, folders

flags.DEFINE_string("sort", "uar", "Sort by a metric (best first), by a key of the configuration, or by folder.")


def _run(arguments: Arguments) -> None:
    from aersut.evaluation import comparison

    compared = [comparison.read_compared_run(folder) for folder in comparison.find_runs(folders("runs"))]
    runs = comparison.sort_runs(compared, FLAGS.sort)
    print(json.dumps(comparison.comparison_json(runs), indent=2) if FLAGS.json else comparison.comparison_table(runs))


COMMAND = Command(
    _run,
    __doc__,
    flags=("workdir", "sort", "json"),
    notes={"workdir": "Run folders, or folders of runs, separated by commas; default: runs."},
    extras=("train",),
)
