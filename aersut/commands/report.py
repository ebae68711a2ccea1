"""Write a run's report, or a page that compares runs.

{program} --mode=report --workdir=RUN
    Write report.html into a run folder: results, plots, data, settings.
{program} --mode=report --workdir=RUN_A,RUN_B
    Write a page that compares several runs (by default comparison.html).
"""

from pathlib import Path

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, folders, planned_run
from aersut.errors import UserError


def _run(arguments: Arguments) -> None:
    from aersut import api
    from aersut.run_folder import find_run

    if "," not in (FLAGS.workdir or ""):
        if FLAGS.output:
            raise UserError("--output is for several runs, --workdir=A,B; the report of one is in its run folder.")
        known = FLAGS.workdir and not FLAGS.experiment and not arguments.experiment
        run = find_run(Path(FLAGS.workdir)) if known else planned_run(arguments)
        print(f"report {api.report(run)}")
        return
    if FLAGS.experiment or arguments.experiment:
        raise UserError("a comparison of runs takes their own configurations: omit --experiment.")
    runs = [find_run(folder) for folder in folders("")]
    print(f"comparison {api.report(*runs, output=FLAGS.output)}")


COMMAND = Command(
    _run,
    __doc__,
    flags=("experiment", "init", "workdir", "output"),
    notes={"workdir": "Run folder, or several separated by commas."},
    extras=("train", "report"),
)
