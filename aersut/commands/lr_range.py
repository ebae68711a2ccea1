"""Learning-rate range test: which learning rates are worth a sweep.

{program} --mode=lr_range --experiment=quickstart
    Train for 300 steps under a rising rate; print the range worth a sweep; plot the loss (lr_range-EXPERIMENT.png).
"""

from pathlib import Path

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, selected_experiment
from aersut.errors import UserError
from aersut.paths import refuse_other_file


def _run(arguments: Arguments) -> None:
    from aersut.sweep.lr_range import range_test
    from aersut.sweep.plots import RANGE_MARK, write_lr_range_plot

    requested = selected_experiment(arguments)
    output = Path(FLAGS.output or f"lr_range-{requested.name}.png")
    if output.suffix != ".png":
        raise UserError(f"--output={output}: expected the name of a .png file.")
    refuse_other_file(output, RANGE_MARK, "a plot of --mode=lr_range")
    result = range_test(requested)
    write_lr_range_plot(result, f"{requested.name}: loss under a rising learning rate", output)
    low, high = result.suggested
    print(
        f"the loss begins to fall at {low:.1e}, falls fastest at {result.steepest:.1e}, and is lowest at {high:.1e}\n"
        f"worth a sweep: --sweep.optimizer.learning_rate={low:.1e}:{high:.1e}:log\n"
        f"plot {output}"
    )


COMMAND = Command(_run, __doc__, flags=("experiment", "init", "output"), extras=("train", "sweep", "report"))
