"""Plots of feature importance: bars of UAR drops, and integrated gradients over a mel spectrogram."""

from typing import TYPE_CHECKING, Any

import numpy as np

from aersut.evaluation.integrated_gradients import Attribution
from aersut.report.plots.classes import ERROR_BARS, error_lengths
from aersut.report.plots.style import BLUE, INK, ORANGE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GRADIENTS = (4.2, 4.2)


def bars_size(rows: dict[str, Any]) -> tuple[float, float]:
    """Width and height of `paint_drops` in inches."""
    return 4.6, 1.0 + 0.22 * len(rows)


def paint_drops(figure: "Figure", rows: dict[str, Any], label: str) -> None:
    """The UAR drop of each of `rows` with its 95 % interval; `label` is the label of the vertical axis."""
    axes, names = figure.subplots(), list(rows)
    values = [row["uar_drop"] for row in rows.values()]
    axes.barh(names, values, color=BLUE, height=0.7)
    lengths = error_lengths(values, [row["interval"] for row in rows.values()])
    axes.errorbar(values, names, xerr=lengths, fmt="none", **ERROR_BARS)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.invert_yaxis()
    axes.locator_params(axis="x", nbins=5)
    axes.tick_params(axis="y", labelsize=8)
    axes.set(xlabel="UAR drop", ylabel=label, ylim=(len(names) - 0.4, -0.6))


def paint_gradients(figure: "Figure", attribution: Attribution, seconds: float, title: str) -> None:
    """The mel spectrogram, and below it in grey with positive (orange) and negative (blue) attributions on top."""
    from matplotlib.colors import to_rgb

    above, below = figure.subplots(2, 1, sharex=True)
    top = attribution.levels.shape[1]
    extent: Any = {"origin": "lower", "aspect": "auto", "extent": (0, seconds, 0, top)}
    levels = np.maximum(attribution.levels, attribution.levels.max() - 80).T
    above.imshow(levels, **extent)
    below.imshow(levels, cmap="Greys", vmin=levels.min(), vmax=levels.min() + 2 * np.ptp(levels), **extent)
    most = max(float(np.quantile(np.abs(attribution.cells), 0.995)), 1e-12)
    fractions = np.clip(attribution.cells.T / most, -1, 1)
    colours = np.where(fractions[..., None] > 0, to_rgb(ORANGE), to_rgb(BLUE))
    below.imshow(np.concatenate([colours, np.abs(fractions)[..., None]], axis=-1), **extent)
    for axes in (above, below):
        axes.set_ylabel("mel band")
    above.set_title(title)
    below.set_title("attribution: orange positive, blue negative", fontsize=9)
    below.set_xlabel("time (s)")
