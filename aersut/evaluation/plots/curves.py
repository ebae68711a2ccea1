"""Learning curves: loss and UAR over the epochs."""

from typing import TYPE_CHECKING, Any

from aersut.evaluation.plots.style import BLUE, COLOURS, ORANGE
from aersut.training import records

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (4.6, 4.8)
DASHES = ("-", "--", "-.", ":")


def paint(figure: "Figure", epochs: list[dict[str, Any]]) -> None:
    """Training and validation loss over the validation UAR of one run, with the best epoch marked."""
    loss, uar = figure.subplots(2, 1, sharex=True)
    x = [record["epoch"] for record in epochs]
    loss.plot(x, [record["train_loss"] for record in epochs], color=BLUE, label="training")
    loss.plot(x, [record["validation_loss"] for record in epochs], color=ORANGE, linestyle="--", label="validation")
    loss.set_ylabel("loss (nats)")
    loss.legend()
    values = [record["validation_uar"] for record in epochs]
    best = records.best(epochs)
    uar.plot(x, values, color=ORANGE, linestyle="--", marker="." if len(x) < 3 else None)
    uar.plot(best["epoch"], best["validation_uar"], "o", color=ORANGE)
    uar.set(ylabel="validation UAR", ylim=(0, 1))
    uar.set_title(f"best: {best['validation_uar']:.3f} in epoch {best['epoch']}")
    for axes in (loss, uar):
        axes.axvline(best["epoch"], color=ORANGE, linewidth=0.8, alpha=0.5)
    _epochs(uar)


def paint_together(figure: "Figure", runs: dict[str, list[dict[str, Any]]]) -> None:
    """The validation loss and UAR of several runs, by their names."""
    loss, uar = figure.subplots(2, 1, sharex=True)
    for place, (name, epochs) in enumerate(runs.items()):
        look: Any = {
            "color": (BLUE, ORANGE, *COLOURS)[place % (2 + len(COLOURS))],
            "linestyle": DASHES[place % len(DASHES)],
        }
        x = [record["epoch"] for record in epochs]
        loss.plot(x, [record["validation_loss"] for record in epochs], label=name, **look)
        uar.plot(x, [record["validation_uar"] for record in epochs], **look)
        if epochs:
            best = records.best(epochs)
            uar.plot(best["epoch"], best["validation_uar"], "o", color=look["color"])
    loss.set_ylabel("validation loss (nats)")
    uar.set(ylabel="validation UAR", ylim=(0, 1))
    _epochs(uar)
    figure.legend(loc="outside upper left", fontsize=8)


def _epochs(axes: "Axes") -> None:
    axes.set_xlabel("epoch")
    locator: Any = axes.xaxis.get_major_locator()
    locator.set_params(integer=True)  # there is no half an epoch
