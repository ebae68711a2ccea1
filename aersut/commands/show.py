"""--mode=show: a picture of one clip's features and augmentations."""

from pathlib import Path

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS
from aersut.errors import UserError

flags.DEFINE_string("clip", None, "With --mode=show: the sound file to draw.")


def _run(arguments: Arguments) -> None:
    from aersut import experiment
    from aersut.evaluation.show import show

    if FLAGS.experiment is None or not FLAGS.clip:
        raise UserError("--mode=show needs --experiment=NAME and --clip=FILE.")
    asked, clip = experiment.load(FLAGS.experiment, arguments.experiment), Path(FLAGS.clip)
    output = Path(FLAGS.output or f"{clip.stem}-{asked.name}.png")
    print(f"picture {show(asked, clip, output)}")


USAGE = (("--mode=show --experiment=NAME --clip=FILE", "a picture of a clip's features and augmentations"),)
COMMAND = Command(_run, USAGE, flags=("clip", "output"))
