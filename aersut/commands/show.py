"""Plot a clip's features and augmentations.

{program} --mode=show --experiment=quickstart --clip=clip.wav
    Plot waveform, spectrogram and features, before and after each augmenter (by default into CLIP-EXPERIMENT.png).
"""

from pathlib import Path

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, selected_experiment
from aersut.errors import UserError

flags.DEFINE_string("clip", None, "The audio file to plot.")


def _run(arguments: Arguments) -> None:
    from aersut.report.show import draw_clip

    experiment = selected_experiment(arguments)
    if not FLAGS.clip:
        raise UserError("--mode=show needs --clip=FILE.")
    clip = Path(FLAGS.clip)
    output = Path(FLAGS.output or f"{clip.stem}-{experiment.name}.png")
    print(f"plot {draw_clip(experiment, clip, output)}")


COMMAND = Command(_run, __doc__, flags=("experiment", "init", "clip", "output"), extras=("train", "report"))
