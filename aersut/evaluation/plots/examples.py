"""A clip as waveform, spectrogram, mel spectrogram and MFCC."""

import functools
from typing import TYPE_CHECKING

import jax
import numpy as np
from jaxtyping import Array, Float

from aersut.contracts import Framing
from aersut.evaluation.plots.style import BLUE
from aersut.features import MFCC, LogMel, Signal
from aersut.features.signal import decibels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (3.6, 5.0)
PANELS = ("kHz", "mel band", "MFCC")
COLUMNS = 450
"""About as many as the picture has, side by side."""
FLOOR = 80.0
"""Decibels under the loudest cell below which everything looks alike."""


def paint(figure: "Figure", samples: Float[np.ndarray, " samples"], framing: Framing, title: str) -> None:
    """Four panels over one time axis; `samples` in [-1, 1]."""
    panels = dict(zip(PANELS, map(np.asarray, _panels(samples, framing)), strict=True))
    figure.set_layout_engine(None)  # to find a layout takes as long as to draw, and this one is known
    figure.subplots_adjust(left=0.25, right=0.97, bottom=0.09, top=0.95, hspace=0.15)
    first, *axes = figure.subplots(4, 1, sharex=True)
    pieces = np.array_split(samples, min(COLUMNS, len(samples)))  # of more, one sees no more than how far they reach
    low, high = ([reach(piece) for piece in pieces] for reach in (np.min, np.max))
    first.fill_between(np.linspace(0, framing.seconds, len(pieces)), low, high, color=BLUE, linewidth=0.4)
    first.set(ylabel="amplitude", xlim=(0, framing.seconds))
    first.set_title(title)
    for axis, (name, values) in zip(axes, panels.items(), strict=True):
        if name == "MFCC":  # else the first, which is the loudness, is all that one sees
            values = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)
        else:
            values = np.maximum(values, values.max() - FLOOR)
        top = framing.sample_rate / 2000 if name == "kHz" else values.shape[1]
        image(axis, values, framing.seconds, top)
        axis.set_ylabel(name)
    axes[-1].set_xlabel("time (s)")
    for axis in (first, *axes):  # beside its numbers, a label would be pushed out of the picture by long ones
        axis.yaxis.set_label_coords(-0.28, 0.5)


@functools.partial(jax.jit, static_argnums=1)  # one compilation in place of one per operation
def _panels(samples: Float[Array, " samples"], framing: Framing) -> tuple[Float[Array, "frames channels"], ...]:
    """What `PANELS` names, in its order, which a dictionary would lose in here."""
    signal = Signal(samples, framing)
    mels = min(64, framing.frame_length // 8)
    return decibels(signal.power()), LogMel(n_mels=mels)(signal), MFCC(n_mfcc=13, n_mels=mels)(signal)


def image(axes: "Axes", values: Float[np.ndarray, "frames channels"], seconds: float, top: float) -> None:
    """Frames over time, channels upwards."""
    axes.imshow(values.T, origin="lower", aspect="auto", extent=(0, seconds, 0, top))
