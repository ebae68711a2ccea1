"""--mode=train: train up to the last epoch, from where the run stopped."""

from typing import TYPE_CHECKING

from aersut.commands.command import Arguments, Command
from aersut.commands.common import open_run

if TYPE_CHECKING:
    from aersut.run import Run


def train(run: "Run") -> None:
    """Train, and say what was to be done."""
    from aersut.training import loop, records

    print(f"run folder {run.folder}")
    if not loop.train(run):
        print(f"training was finished: {len(records.read(run.records))} epochs")


def _run(arguments: Arguments) -> None:
    train(open_run(arguments))


USAGE = (("--mode=train --experiment=NAME", "train only, or go on where it stopped"),)
COMMAND = Command(_run, USAGE)
