"""The flags that several modes share, and what they stand for."""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from aersut.commands.command import Arguments
from aersut.errors import UserError

if TYPE_CHECKING:
    from aersut.run import Run

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "experiment", None, "Name of an experiment, path of a .py file with get_config(), or a run's config.json."
)
flags.DEFINE_string("workdir", None, "Run folder; by default runs/<experiment>/<digest of the configuration>.")
flags.DEFINE_string("output", None, "With --mode=show, lr_range, or report of several runs: the file to write.")
flags.DEFINE_list(
    "folds",
    None,
    "With --mode=evaluate: all; trains those missing. With sweep: trains each combination with these.",
)
flags.DEFINE_string(
    "model",
    None,
    "With --mode=predict and monitor: an exported .tflite file, or a run folder. With evaluate: a .tflite file of the "
    "run, judged in place of its checkpoint.",
)
flags.DEFINE_bool(
    "json", False, "With --mode=data and compare: JSON instead of a table; with predict: a JSON line per window."
)


def open_run(arguments: Arguments) -> "Run":
    """The run that --experiment, its overrides and --workdir name; it is made where it is new.

    Raises:
        UserError: they name none.
    """
    from aersut import experiment, run
    from aersut.config import Experiment

    folder = Path(FLAGS.workdir) if FLAGS.workdir else None
    if FLAGS.experiment is None:
        if folder is None:
            raise UserError(
                f"which experiment? --experiment=NAME ({', '.join(experiment.names())}), or --workdir of a run."
            )
        if not arguments.experiment:
            return run.open_run(folder)
    source = FLAGS.experiment or str(run.Run(folder or Path(), Experiment()).config)
    return run.start(experiment.load(source, arguments.experiment), folder)
