"""Train an experiment, or resume its training.

{program} --mode=train --experiment=quickstart
    Train only; the same command resumes an interrupted run.
{program} --mode=train --experiment=fine_tune --experiment.data.root=FOLDER --init=micro_speech
    Fine-tune a model of the zoo, or a run, on the clips of FOLDER/manifest.csv.
{program} --mode=train --experiment=quickstart --dry-run
    Print what a training would do: configuration, clips, network, steps and disk use.
{program} --mode=train --experiment=quickstart --coordinator=localhost:8476 --processes=2 --process=0
    Train with several processes: start one for each value of --process.
"""

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, dry_run, open_run
from aersut.progress import stage

flags.DEFINE_string(
    "coordinator",
    None,
    "HOST:PORT of the first process, or auto (Slurm, Open MPI, TPU); default: $JAX_COORDINATOR_ADDRESS.",
)
flags.DEFINE_integer("processes", None, "Number of processes that train together; default: $JAX_NUM_PROCESSES.")
flags.DEFINE_integer("process", None, "Index of this process, from 0; default: $JAX_PROCESS_ID.")


def _run(arguments: Arguments) -> None:
    if dry_run(arguments):
        return
    with stage("importing JAX"):
        from aersut import api
        from aersut.training.processes import connect

    connect(FLAGS.coordinator, FLAGS.processes, FLAGS.process)
    api.train(open_run(arguments))


COMMAND = Command(
    _run,
    __doc__,
    flags=("experiment", "init", "workdir", "dry-run", "coordinator", "processes", "process"),
    extras=("train",),
)
