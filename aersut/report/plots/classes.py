"""Plots by class: confusion matrix, precision/recall/F1, reliability diagram, and clips of each emotion."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from aersut.report.plots.style import BLUE, COLOURS, GREEN, INK, ORANGE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ERROR_BARS: dict[str, Any] = {"ecolor": INK, "elinewidth": 1, "capsize": 2, "clip_on": False}
CONFUSION = (4.8, 4.4)
BARS = (4.6, 3.4)
RELIABILITY = (4.0, 3.8)
CORPORA = (4.6, 3.4)


def paint_confusion(figure: "Figure", result: dict[str, Any]) -> None:
    """Confusion matrix: the fraction of each row as colour and in percent, and the number of clips."""
    counts = np.array(result["confusion"])
    fractions = np.array(result["confusion_normalized"], float)  # None becomes NaN
    axes, names = figure.subplots(), result["emotions"]
    axes.imshow(np.nan_to_num(fractions), vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="true")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), count in np.ndenumerate(counts):
        fraction = fractions[row, column]
        text = "–" if np.isnan(fraction) else f"{100 * fraction:.0f} %\n{count}" if count else ""
        colour = "black" if fraction > 0.6 else "white"
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)


def paint_bars(figure: "Figure", result: dict[str, Any]) -> None:
    """Precision, recall with its 95 % interval, and F1 of each class."""
    axes, names = figure.subplots(), result["emotions"]
    rows = [result["classes"][name] for name in names]
    for index, (key, colour, hatch) in enumerate(
        (("precision", BLUE, ""), ("recall", ORANGE, "///"), ("f1", GREEN, "\\\\"))
    ):
        x = np.arange(len(names)) + 0.27 * (index - 1)
        heights = [row[key] or 0.0 for row in rows]
        label = "F1" if key == "f1" else key
        axes.bar(x, heights, 0.25, color=colour, hatch=hatch, edgecolor="white", linewidth=0, label=label)
        if key == "recall":
            intervals = [row["recall_interval"] for row in rows]
            axes.errorbar(x, heights, error_lengths(heights, intervals), fmt="none", **ERROR_BARS)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set(ylim=(0, 1), ylabel="precision, recall, F1")
    figure.legend(loc="outside upper center", ncols=3)


def error_lengths(values: Sequence[float], intervals: Sequence[Sequence[float] | None]) -> Float[np.ndarray, "2 bars"]:
    """Lengths of error bars below and above each value; 0 where there is no interval."""
    ends = [interval or (value, value) for value, interval in zip(values, intervals, strict=True)]
    return np.transpose([(max(0.0, v - low), max(0.0, high - v)) for v, (low, high) in zip(values, ends, strict=True)])


def paint_reliability(figure: "Figure", result: dict[str, Any]) -> None:
    """Reliability diagram: accuracy over confidence; the area of a dot is the fraction of clips in its bin."""
    axes, bins = figure.subplots(), result["reliability"]
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":")
    x, y = ([one[key] for one in bins] for key in ("confidence", "accuracy"))
    axes.plot(x, y, color=BLUE, linewidth=1)
    sizes = [10 + 400 * one["clips"] / result["clips"] for one in bins]
    axes.scatter(x, y, s=sizes, color=BLUE, alpha=0.7, linewidths=0)
    axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="confidence", ylabel="accuracy", aspect="equal")
    axes.set_title(f"expected calibration error {result['ece']:.3f}")


def paint_corpora(figure: "Figure", split: dict[str, Any], emotions: tuple[str, ...]) -> None:
    """Stacked bars: clips of each emotion in each corpus."""
    axes, clips = figure.subplots(), split["clips"]
    corpora = sorted({clip["corpus"] for clip in clips})
    below = np.zeros(len(emotions))
    for index, corpus in enumerate(corpora):
        counts = [sum(c["corpus"] == corpus and c["emotion"] == emotion for c in clips) for emotion in emotions]
        look: Any = {"color": (BLUE, *COLOURS)[index % 9], "hatch": ("", "///", "...", "xxx")[index % 4]}
        axes.bar(range(len(emotions)), counts, bottom=below, label=corpus, edgecolor="white", linewidth=0, **look)
        below += counts
    axes.set_xticks(range(len(emotions)), emotions, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_ylabel("clips")
    figure.legend(loc="outside upper center", ncols=3)
