"""Write a run's report, or a page that compares runs.

{program} --mode=report --workdir=RUN
    Write report.html into a run folder: results, plots, data, settings.
{program} --mode=report --workdir=RUN_A,RUN_B
    Write a page that compares several runs (by default comparison.html).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, folders, open_run
from aersut.errors import UserError

if TYPE_CHECKING:
    from aersut.run_folder import RunFolder


def write_report_and_print(run: "RunFolder") -> None:
    """Write the report of a run and print its path."""
    from aersut.report.run_report import write_report

    print(f"report {write_report(run)}")


def _run(arguments: Arguments) -> None:
    from aersut.run_folder import find_run

    if "," not in (FLAGS.workdir or ""):
        if FLAGS.output:
            raise UserError("--output is for several runs, --workdir=A,B; the report of one is in its run folder.")
        known = FLAGS.workdir and not FLAGS.experiment and not arguments.experiment
        write_report_and_print(find_run(Path(FLAGS.workdir)) if known else open_run(arguments))
        return
    from aersut.report.comparison_page import write_comparison

    if FLAGS.experiment or arguments.experiment:
        raise UserError("a comparison of runs takes their own configurations: omit --experiment.")
    runs = [find_run(folder) for folder in folders("")]
    print(f"comparison {write_comparison(runs, Path(FLAGS.output or 'comparison.html'))}")


COMMAND = Command(
    _run,
    __doc__,
    flags=("experiment", "workdir", "output"),
    notes={"workdir": "Run folder, or several separated by commas."},
)
