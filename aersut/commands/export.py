"""--mode=export: the best checkpoint as TensorFlow Lite files, verified."""

from typing import TYPE_CHECKING

from aersut.commands.command import Arguments, Command
from aersut.commands.common import open_run

if TYPE_CHECKING:
    from aersut.run import Run


def export(run: "Run") -> None:
    """Export a run, and print what the files are worth."""
    from aersut.export import export as module

    print(module.table(module.export(run)))


def _run(arguments: Arguments) -> None:
    export(open_run(arguments))


USAGE = (("--mode=export --workdir=RUN", "turn the best checkpoint into TensorFlow Lite files"),)
COMMAND = Command(_run, USAGE)
