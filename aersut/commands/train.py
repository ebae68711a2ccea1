"""--mode=train: train up to the last epoch, from where the run stopped, in one process or in several."""

from typing import TYPE_CHECKING

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, open_run

if TYPE_CHECKING:
    from aersut.run import Run


flags.DEFINE_string(
    "coordinator",
    None,
    "With --mode=train: HOST:PORT at which the first of several processes listens, or auto under Slurm, Open MPI and "
    "on Cloud TPU; by default JAX_COORDINATOR_ADDRESS of the environment, where it is set.",
)
flags.DEFINE_integer("processes", None, "With --mode=train: how many processes train together (JAX_NUM_PROCESSES).")
flags.DEFINE_integer("process", None, "With --mode=train: which of them this is, from 0 (JAX_PROCESS_ID).")


def train(run: "Run") -> None:
    """Train, and say what was to be done."""
    from aersut.training import loop, records

    print(f"run folder {run.folder}")
    if not loop.train(run):
        print(f"training was finished: {len(records.read(run.records))} epochs")


def _run(arguments: Arguments) -> None:
    from aersut.training.processes import join

    join(FLAGS.coordinator, FLAGS.processes, FLAGS.process)
    train(open_run(arguments))


USAGE = (
    ("--mode=train --experiment=NAME", "train only, or go on where it stopped"),
    ("--mode=train … --coordinator=HOST:PORT --processes=COUNT --process=INDEX", "several processes train together"),
)
COMMAND = Command(_run, USAGE, flags=("coordinator", "processes", "process"))
