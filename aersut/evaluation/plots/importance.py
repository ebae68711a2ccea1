"""What a network listens to, as pictures."""

from typing import TYPE_CHECKING, Any

import numpy as np

from aersut.evaluation.gradients import Attribution
from aersut.evaluation.plots.classes import INTERVAL
from aersut.evaluation.plots.style import BLUE, INK, ORANGE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GRADIENTS = (4.2, 4.2)


def size(rows: dict[str, Any]) -> tuple[float, float]:
    """Inches that the bars of `paint` need."""
    return 4.6, 1.0 + 0.22 * len(rows)


def paint(figure: "Figure", rows: dict[str, Any], label: str) -> None:
    """The UAR lost without each of `rows`, with its interval."""
    axes, names = figure.subplots(), list(rows)
    values = np.array([row["uar_lost"] for row in rows.values()])
    axes.barh(names, values, color=BLUE, height=0.7)
    between = [row["interval"] or (value, value) for row, value in zip(rows.values(), values, strict=True)]
    reach = [(max(0, value - low), max(0, high - value)) for value, (low, high) in zip(values, between, strict=True)]
    axes.errorbar(values, names, xerr=np.transpose(reach), fmt="none", **INTERVAL)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=8)
    axes.set(xlabel="UAR lost", ylabel=label, ylim=(len(names) - 0.4, -0.6))


def paint_gradients(figure: "Figure", found: Attribution, seconds: float, title: str) -> None:
    """The mel spectrogram, and over it again, in grey, the cells that speak for the emotion and against it."""
    above, below = figure.subplots(2, 1, sharex=True)
    top = found.levels.shape[1]
    place: Any = {"origin": "lower", "aspect": "auto", "extent": (0, seconds, 0, top)}
    levels = np.maximum(found.levels, found.levels.max() - 80).T
    above.imshow(levels, **place)
    below.imshow(levels, cmap="Greys", vmin=levels.min(), vmax=levels.min() + 2 * np.ptp(levels), **place)
    most = max(float(np.quantile(np.abs(found.cells), 0.995)), 1e-12)
    shares = np.clip(found.cells.T / most, -1, 1)
    colours = np.where(shares[..., None] > 0, _rgb(ORANGE), _rgb(BLUE))
    below.imshow(np.concatenate([colours, np.abs(shares)[..., None]], axis=-1), **place)
    for axes in (above, below):
        axes.set_ylabel("mel band")
    above.set_title(title)
    below.set_title("orange speaks for it, blue against", fontsize=9)
    below.set_xlabel("time (s)")


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
