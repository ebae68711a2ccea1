"""One clip as an experiment sees it: waveform, spectra and features, before and after each augmenter, as a picture."""

import dataclasses
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from aersut.augment.example import Example
from aersut.config import Experiment
from aersut.data.audio import ClipError, decode, fit, to_int16
from aersut.errors import UserError
from aersut.evaluation.plots.style import BLUE, IMAGES
from aersut.features import MFCC, LogMel, Mel, Signal
from aersut.features.frontend import quantized
from aersut.features.signal import decibels
from aersut.paths import write_bytes
from aersut.registry import AUGMENTERS, FEATURES
from aersut.run import make_frontend

LINES = 3
"""Features of up to so many channels are drawn as a line each, wider ones as images."""
SPECTROGRAM = "spectrogram\n(dB over kHz)"
MARK = b"aersut --mode=show"
"""In each picture's description, by which it is known for one that may be drawn again."""


@dataclass(frozen=True)
class View:
    """The clip in one condition.

    Attributes:
        title: "as it is", or the augmenter's name.
        samples: in [-1, 1].
        panels: what is drawn under the waveform, by the rows' names.
    """

    title: str
    samples: Float[np.ndarray, " samples"]
    panels: dict[str, Float[np.ndarray, "frames channels"]]


def show(experiment: Experiment, clip: Path, output: Path) -> Path:
    """Draw `clip` as the experiment's frontend sees it into the PNG file `output`, and return its path.

    Each augmenter is drawn by itself, with a probability of 1 and a key that is always the same; those that mix a batch
    are left out.

    Raises:
        UserError: the clip cannot be read, or the picture would replace another file.
    """
    if output.exists() and not (output.is_file() and MARK in output.read_bytes()[:4096]):
        raise UserError(f"{output} exists and is no picture of this mode; choose another --output.")
    frontend = make_frontend(experiment)
    framing = experiment.framing
    try:
        voice = to_int16(decode(clip, framing.sample_rate, experiment.data.trim_db))
    except ClipError as error:
        raise UserError(f"clip {clip} {error}.") from None
    samples = fit(voice, framing.samples, experiment.data.fit).astype(np.float32) / 32768
    views = [_view(experiment, None, samples)]
    views += [_view(experiment, one, samples) for one in frontend.augment if one.domain != "batch"]
    mixing = [AUGMENTERS.name_of(one) for one in frontend.augment if one.domain == "batch"]
    note = f" ({', '.join(mixing)} mixes a batch and is not shown)" if mixing else ""
    picture = _draw(views, experiment, f"{clip.name} in experiment {experiment.name}{note}")
    try:
        write_bytes(output, picture)
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}. Choose another --output.") from None
    return output


def _view(experiment: Experiment, augmenter: Any, samples: Float[np.ndarray, " samples"]) -> View:
    key, framing = jax.random.key(experiment.seed), experiment.framing
    if augmenter and "probability" in {field.name for field in dataclasses.fields(augmenter)}:
        augmenter = dataclasses.replace(augmenter, probability=1.0)
    changed = jnp.asarray(samples)
    if augmenter and augmenter.domain == "waveform":
        changed = quantized(augmenter(key, _example(changed, experiment)).values)
    signal, on_host = Signal(changed, framing), Signal(np.asarray(changed), framing)
    own = [np.asarray(feature(on_host if feature.host else signal)) for feature in experiment.features]
    if augmenter and augmenter.domain == "features":
        together = jnp.asarray(np.concatenate(own, axis=1))
        masked = np.asarray(augmenter(key, _example(together, experiment)).values)
        own = np.split(masked, np.cumsum([rows.shape[1] for rows in own])[:-1], axis=1)
    panels = {SPECTROGRAM: np.asarray(decibels(signal.power()))}
    for usual, kinds in ((LogMel(), (LogMel, Mel)), (MFCC(), (MFCC,))):
        if not any(isinstance(feature, kinds) for feature in experiment.features):
            panels[FEATURES.name_of(usual)] = np.asarray(usual(signal))
    for place, (feature, rows) in enumerate(zip(experiment.features, own, strict=True)):
        name = FEATURES.name_of(feature)
        name = f"{name}, features.{place}" if name in panels else name
        few = 1 < rows.shape[1] <= LINES
        panels |= {f"{name}[{n}]": rows[:, n : n + 1] for n in range(rows.shape[1])} if few else {name: rows}
    return View(AUGMENTERS.name_of(augmenter) if augmenter else "as it is", np.asarray(changed), panels)


def _example(values: jax.Array, experiment: Experiment) -> Example:
    return Example(values, jnp.eye(len(experiment.data.emotions))[0], experiment.framing.sample_rate)


def _draw(views: list[View], experiment: Experiment, title: str) -> bytes:
    from matplotlib.figure import Figure

    names = list(views[0].panels)
    size = (2.8 * len(views) + 1.6, 1.5 * (len(names) + 1) + 0.8)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(len(names) + 1, len(views), sharex=True, sharey="row", squeeze=False)
    seconds, nyquist = experiment.framing.seconds, experiment.framing.sample_rate / 2000
    for view, first in zip(views, axes[0], strict=True):
        first.set_title(view.title)
        times = np.arange(len(view.samples)) / experiment.framing.sample_rate
        first.plot(times, view.samples, linewidth=0.4, color=BLUE)
    for name, row in zip(names, axes[1:], strict=True):
        panels = [view.panels[name] for view in views]
        if panels[0].shape[1] == 1:
            for axis, values in zip(row, panels, strict=True):
                axis.plot(np.linspace(0, seconds, len(values)), values, linewidth=0.9, color=BLUE)
            continue
        together = np.concatenate(panels)
        if not _natural(name):  # else the channel of the widest range is all that one sees
            mean, deviation = together.mean(axis=0), np.maximum(together.std(axis=0), 1e-9)
            panels, together = [(one - mean) / deviation for one in panels], (together - mean) / deviation
        # silence is far below everything in decibels, and a click far above it in what is no logarithm
        low, high = np.quantile(together, [0.02, 0.998])
        top = nyquist if name == SPECTROGRAM else together.shape[1]
        for axis, values in zip(row, panels, strict=True):
            axis.imshow(
                values.T, origin="lower", aspect="auto", extent=(0, seconds, 0, top), cmap=IMAGES, vmin=low,
                vmax=max(high, low + 1e-9), interpolation="nearest",
            )  # fmt: skip
    for axis, name in zip(axes[:, 0], ["waveform", *names], strict=True):
        scaled = name in names and views[0].panels[name].shape[1] > 1 and not _natural(name)
        axis.set_ylabel(f"{name}\n(scaled)" if scaled else name.replace(", ", "\n"))
    for axis in axes[-1]:
        axis.set_xlabel("time (s)")
    axes[0, 0].set_xlim(0, seconds)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120, metadata={"Description": MARK.decode()})
    return picture.getvalue()


def _natural(name: str) -> bool:
    """Whether all channels of a panel are of one kind, so that they share a scale."""
    return name == SPECTROGRAM or name.startswith(("log_mel", "mel", "chroma"))
