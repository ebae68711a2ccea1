"""--mode=report: everything about a run on one page."""

from pathlib import Path
from typing import TYPE_CHECKING

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, open_run
from aersut.errors import UserError

if TYPE_CHECKING:
    from aersut.run import Run


def report(run: "Run") -> None:
    """Write a run's report, and say where it is."""
    from aersut.evaluation.report import write_report

    print(f"report {write_report(run)}")


def _run(arguments: Arguments) -> None:
    if "," not in (FLAGS.workdir or ""):
        if FLAGS.output:
            raise UserError("--output is for several runs, --workdir=A,B; the report of one lies in its folder.")
        report(open_run(arguments))
        return
    from aersut.evaluation.comparison import write_comparison
    from aersut.run import open_run as open_folder

    if FLAGS.experiment or arguments.experiment:
        raise UserError("several runs are compared as they are: leave --experiment out.")
    runs = [open_folder(Path(folder.strip())) for folder in FLAGS.workdir.split(",") if folder.strip()]
    print(f"comparison {write_comparison(runs, Path(FLAGS.output or 'comparison.html'))}")


USAGE = (
    ("--mode=report --workdir=RUN", "everything about a run on one page"),
    ("--mode=report --workdir=A,B --output=FILE", "several runs side by side; comparison.html by default"),
)
COMMAND = Command(_run, USAGE, flags=("output",))
