"""Train an experiment, or resume its training.

{program} --mode=train --experiment=quickstart
    Train only; the same command resumes an interrupted run.
{program} --mode=train --experiment=quickstart --coordinator=localhost:8476 --processes=2 --process=0
    Train with several processes: start one for each value of --process.
"""

from typing import TYPE_CHECKING

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, open_run

if TYPE_CHECKING:
    from aersut.run import Run

flags.DEFINE_string(
    "coordinator",
    None,
    "HOST:PORT of the first process, or auto (Slurm, Open MPI, TPU); default: $JAX_COORDINATOR_ADDRESS.",
)
flags.DEFINE_integer("processes", None, "Number of processes that train together; default: $JAX_NUM_PROCESSES.")
flags.DEFINE_integer("process", None, "Index of this process, from 0; default: $JAX_PROCESS_ID.")


def train(run: "Run") -> None:
    """Train a run, and print whether its training was complete already."""
    from aersut.training import loop, records

    print(f"run folder {run.folder}")
    if not loop.train(run):
        print(f"training is complete: {len(records.read_records(run.records))} epochs")


def _run(arguments: Arguments) -> None:
    from aersut.training.processes import connect

    connect(FLAGS.coordinator, FLAGS.processes, FLAGS.process)
    train(open_run(arguments))


COMMAND = Command(_run, __doc__, flags=("experiment", "workdir", "coordinator", "processes", "process"))
