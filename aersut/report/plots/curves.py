"""Learning curves: loss and UAR over the epochs."""

from typing import TYPE_CHECKING, Any

from aersut.report.plots.style import BLUE, COLOURS, ORANGE
from aersut.training import records

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = (4.6, 4.8)
LINES, DASHES = (BLUE, ORANGE, *COLOURS), ("-", "--", "-.", ":")


def paint_curves(figure: "Figure", epochs: list[dict[str, Any]]) -> None:
    """Training and validation loss, and below them the validation UAR, of one run; the best epoch is marked."""
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
    uar.set_title(f"best validation UAR {best['validation_uar']:.3f} (epoch {best['epoch']})")
    for axes in (loss, uar):
        axes.axvline(best["epoch"], color=ORANGE, linewidth=0.8, alpha=0.5)
    uar.set_xlabel("epoch")
    uar.locator_params(axis="x", integer=True)


def paint_curves_of_runs(figure: "Figure", runs: dict[str, list[dict[str, Any]]]) -> None:
    """Validation loss and UAR of several runs, by the name of the run; the best epoch of each is marked."""
    loss, uar = figure.subplots(2, 1, sharex=True)
    for index, (name, epochs) in enumerate(runs.items()):
        line: Any = {"color": LINES[index % len(LINES)], "linestyle": DASHES[index % len(DASHES)]}
        x = [record["epoch"] for record in epochs]
        loss.plot(x, [record["validation_loss"] for record in epochs], label=name, **line)
        uar.plot(x, [record["validation_uar"] for record in epochs], **line)
        if epochs:
            best = records.best(epochs)
            uar.plot(best["epoch"], best["validation_uar"], "o", color=line["color"])
    loss.set_ylabel("validation loss (nats)")
    uar.set(ylabel="validation UAR", ylim=(0, 1))
    uar.set_xlabel("epoch")
    uar.locator_params(axis="x", integer=True)
    figure.legend(loc="outside upper left", fontsize=8)
