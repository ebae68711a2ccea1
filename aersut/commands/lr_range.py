"""--mode=lr_range: which learning rates are worth a sweep."""

from pathlib import Path

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS
from aersut.commands.sweep import require
from aersut.errors import UserError


def _run(arguments: Arguments) -> None:
    require()
    from aersut import experiment
    from aersut.sweep.lr_range import range_test
    from aersut.sweep.plots import draw_range

    if FLAGS.experiment is None:
        raise UserError("which experiment? --experiment=NAME.")
    asked = experiment.load(FLAGS.experiment, arguments.experiment)
    output = Path(FLAGS.output or f"lr_range-{asked.name}.png")
    if output.suffix != ".png":
        raise UserError(f"--output={output}: expected the name of a .png file.")
    found = range_test(asked)
    draw_range(found, f"{asked.name}: loss under a rising learning rate", output)
    low, high = found.suggested
    print(
        f"the loss falls from a learning rate of {low:.1e} on, fastest at {found.steepest:.1e}, lowest at {high:.1e}\n"
        f"worth a sweep: --sweep.optimizer.learning_rate={low:.1e}:{high:.1e}:log\n"
        f"picture {output}"
    )


USAGE = (("--mode=lr_range --experiment=NAME", "which learning rates are worth a sweep: one short run, and a picture"),)
COMMAND = Command(_run, USAGE, flags=("output",))
