"""Plot of a clip: waveform, spectrogram, mel spectrogram and MFCC."""

import functools
from typing import TYPE_CHECKING

import jax
import numpy as np
from jaxtyping import Array, Float

from aersut.contracts import Framing
from aersut.features import MFCC, LogMel, Signal
from aersut.features.signal import decibels
from aersut.report.plots.style import BLUE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = (3.6, 5.0)
PANELS = ("frequency (kHz)", "mel band", "MFCC")
COLUMNS = 450
"""Width of the waveform in pixels, about."""
FLOOR = 80.0
"""Lower limit of the colour map: dB below the loudest cell."""


def paint_example(figure: "Figure", samples: Float[np.ndarray, " samples"], framing: Framing, title: str) -> None:
    """Four panels over one time axis; `samples` in [-1, 1]. The figure is empty or has the panels of another clip."""
    panels = dict(zip(PANELS, map(np.asarray, _panels(samples, framing)), strict=True))
    if not figure.axes:
        _add_axes(figure, framing)
    first, *axes = figure.axes
    for artist in [artist for axis in figure.axes for artist in (*axis.collections, *axis.images)]:
        artist.remove()
    pieces = np.array_split(samples, min(COLUMNS, len(samples)))  # the range of the samples in each pixel
    low, high = ([limit(piece) for piece in pieces] for limit in (np.min, np.max))
    first.relim()
    first.fill_between(np.linspace(0, framing.seconds, len(pieces)), low, high, color=BLUE, linewidth=0.4)
    first.set_title(title)
    for axis, (name, values) in zip(axes, panels.items(), strict=True):
        if name == "MFCC":  # standardized, since the first coefficient (the level) has by far the widest range
            values = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)
        else:
            values = np.maximum(values, values.max() - FLOOR)
        top = framing.sample_rate / 2000 if name == PANELS[0] else values.shape[1]
        axis.imshow(values.T, origin="lower", aspect="auto", extent=(0, framing.seconds, 0, top))


def _add_axes(figure: "Figure", framing: Framing) -> None:
    figure.set_layout_engine(None)  # computing a layout takes as long as drawing
    figure.subplots_adjust(left=0.25, right=0.97, bottom=0.09, top=0.95, hspace=0.15)
    axes = figure.subplots(4, 1, sharex=True)
    axes[0].set_xlim(0, framing.seconds)
    axes[-1].set_xlabel("time (s)")
    for axis, label in zip(axes, ("amplitude", *PANELS), strict=True):
        axis.set_ylabel(label)
        axis.yaxis.set_label_coords(-0.28, 0.5)  # at a fixed distance, else long tick labels would push it out


@functools.partial(jax.jit, static_argnums=1)  # one compilation, not one per operation
def _panels(samples: Float[Array, " samples"], framing: Framing) -> tuple[Float[Array, "frames channels"], ...]:
    """The images that `PANELS` names, in its order; `jax.jit` would sort the keys of a dictionary."""
    signal = Signal(samples, framing)
    mels = min(64, framing.frame_length // 8)
    return decibels(signal.power()), LogMel(n_mels=mels)(signal), MFCC(n_mfcc=13, n_mels=mels)(signal)
