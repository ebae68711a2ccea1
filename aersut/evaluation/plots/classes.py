"""What is recognized as what: confusion matrix, figures per class, reliability; and how often each class is there."""

from typing import TYPE_CHECKING, Any

import numpy as np

from aersut.evaluation.plots.style import BLUE, COLOURS, GREEN, INK, ORANGE, contrast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INTERVAL: dict[str, Any] = {"ecolor": INK, "elinewidth": 1, "capsize": 2, "clip_on": False}
CONFUSION = (4.8, 4.4)
BARS = (4.6, 3.4)
RELIABILITY = (4.0, 3.8)
CORPORA = (4.6, 3.4)


def paint_confusion(figure: "Figure", result: dict[str, Any]) -> None:
    """The share of each row, and the count where there is room for it."""
    counts = np.array(result["confusion"])
    shares = np.array([[np.nan if share is None else share for share in row] for row in result["confusion_shares"]])
    axes, names = figure.subplots(), result["emotions"]
    axes.imshow(np.nan_to_num(shares), vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="heard as", ylabel="spoken")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        text = "–" if np.isnan(share) else f"{100 * share:.0f} %\n{count}" if count else ""
        contrast(axes, column, row, text, dark=not share > 0.6, size=7)


def paint_bars(figure: "Figure", result: dict[str, Any]) -> None:
    """Precision, recall with its interval, and F1 of each class."""
    axes, names = figure.subplots(), result["emotions"]
    rows = [result["classes"][name] for name in names]
    for place, (key, colour, hatch) in enumerate(
        (("precision", BLUE, ""), ("recall", ORANGE, "///"), ("f1", GREEN, "\\\\"))
    ):
        x = np.arange(len(names)) + 0.27 * (place - 1)
        heights = [row[key] or 0.0 for row in rows]
        label = "F1" if key == "f1" else key
        axes.bar(x, heights, 0.25, color=colour, hatch=hatch, edgecolor="white", linewidth=0, label=label)
        if key == "recall":
            between = [row["recall_interval"] or (height, height) for row, height in zip(rows, heights, strict=True)]
            reach = [(max(0.0, h - low), max(0.0, high - h)) for h, (low, high) in zip(heights, between, strict=True)]
            axes.errorbar(x, heights, np.transpose(reach), fmt="none", **INTERVAL)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set(ylim=(0, 1), ylabel="share")
    figure.legend(loc="outside upper center", ncols=3)


def paint_reliability(figure: "Figure", result: dict[str, Any]) -> None:
    """Accuracy over confidence, the size of each dot being its share of the clips."""
    axes, bins = figure.subplots(), result["reliability"]
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":")
    x, y = ([one[key] for one in bins] for key in ("confidence", "accuracy"))
    axes.plot(x, y, color=BLUE, linewidth=1)
    sizes = [10 + 400 * one["clips"] / result["clips"] for one in bins]
    axes.scatter(x, y, s=sizes, color=BLUE, alpha=0.7, linewidths=0)
    axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="confidence", ylabel="accuracy", aspect="equal")
    axes.set_title(f"expected calibration error {result['ece']:.3f}")


def paint_corpora(figure: "Figure", split: dict[str, Any], emotions: tuple[str, ...]) -> None:
    """Clips of each emotion in each corpus."""
    axes, clips = figure.subplots(), split["clips"]
    corpora = sorted({clip["corpus"] for clip in clips})
    below = np.zeros(len(emotions))
    for place, corpus in enumerate(corpora):
        counts = [sum(c["corpus"] == corpus and c["emotion"] == emotion for c in clips) for emotion in emotions]
        look: Any = {"color": (BLUE, *COLOURS)[place % 9], "hatch": ("", "///", "...", "xxx")[place % 4]}
        axes.bar(range(len(emotions)), counts, bottom=below, label=corpus, edgecolor="white", linewidth=0, **look)
        below += counts
    axes.set_xticks(range(len(emotions)), emotions, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_ylabel("clips")
    figure.legend(loc="outside upper center", ncols=3)
