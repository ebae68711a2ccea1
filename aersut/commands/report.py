"""--mode=report: everything about a run on one page."""

from typing import TYPE_CHECKING

from aersut.commands.command import Arguments, Command
from aersut.commands.common import open_run

if TYPE_CHECKING:
    from aersut.run import Run


def report(run: "Run") -> None:
    """Write a run's report, and say where it is."""
    from aersut.evaluation.report import write_report

    print(f"report {write_report(run)}")


def _run(arguments: Arguments) -> None:
    report(open_run(arguments))


USAGE = (("--mode=report --workdir=RUN", "everything about a run on one page"),)
COMMAND = Command(_run, USAGE)
