"""An image of one clip: waveform, spectrogram and features, before and after each augmenter of an experiment."""

import dataclasses
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from aersut.augment.example import Example
from aersut.config import Experiment
from aersut.data.audio import clip_errors, crop_or_pad, decode, to_float, to_int16
from aersut.errors import UserError
from aersut.features import MFCC, LogMel, Mel, Signal
from aersut.features.frontend import Frontend, quantized
from aersut.features.signal import decibels
from aersut.features.windows import WindowFeatures
from aersut.paths import refuse_other_file, write_bytes
from aersut.registry import AUGMENTERS, FEATURES
from aersut.report.plots.style import BLUE, IMAGES, draw_figure
from aersut.run import make_frontend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from aersut.report.plots.inline import InlineFigure

DPI = 120
LINES = 3
"""Features of 2 to this many channels are drawn as one line plot for each channel, wider ones as images."""
SPECTROGRAM = "spectrogram (dB)\nfrequency (kHz)"
LABEL = np.eye(2, dtype=np.float32)[0]
"""Of the shown clip, which no augmenter of one clip reads."""
MARK = b"aersut --mode=show"
"""Description in the PNG, by which a file is recognized as an image of this mode that may be replaced."""


@dataclass(frozen=True)
class View:
    """A column of the image: the clip, unchanged or after one augmenter.

    Attributes:
        title: "original", or the name of the augmenter.
        samples: in [-1, 1].
        panels: spectrogram and features, by the names of the rows.
    """

    title: str
    samples: Float[np.ndarray, " samples"]
    panels: dict[str, Float[np.ndarray, "frames channels"]]


def draw_clip(experiment: Experiment, clip: Path, output: Path) -> Path:
    """Draw a clip, as the experiment's audio frontend (feature extraction) processes it, into the PNG file `output`.

    Raises:
        UserError: the clip cannot be read, or the image would replace another file.
    """
    refuse_other_file(output, MARK, "an image of --mode=show")
    png = io.BytesIO()
    clip_figure(experiment, clip).savefig(png, format="png", dpi=DPI, metadata={"Description": MARK.decode()})
    try:
        write_bytes(output, png.getvalue())
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}. Choose another --output.") from None
    return output


def clip_figure(experiment: Experiment, clip: Path) -> "InlineFigure":
    """Draw a clip as a figure.

    Each augmenter is applied alone, with probability 1 and a constant key. Augmenters that mix a batch are omitted.

    Raises:
        UserError: the clip cannot be read.
    """
    frontend, framing = make_frontend(experiment), experiment.framing
    with clip_errors(f"clip {clip}"):
        speech = to_int16(decode(clip, framing.sample_rate, experiment.data.trim_db))
    samples = to_float(crop_or_pad(speech, framing.samples, experiment.data.fit))
    views = augmenter_views(experiment, samples)
    mixing = [AUGMENTERS.name_of(one) for one in frontend.augment if one.domain == "batch"]
    note = f" ({', '.join(mixing)} mixes a batch and is omitted)" if mixing else ""
    title = f"{clip.name} in experiment {experiment.name}{note}"
    size = 2.8 * len(views) + 1.6, 1.5 * (len(views[0].panels) + 1) + 0.8
    return draw_figure(size, _paint, views, experiment, title)


def augmenter_views(experiment: Experiment, samples: Float[np.ndarray, " samples"]) -> list[View]:
    """The window itself, and under each augmenter that does not mix a batch."""
    frontend = make_frontend(experiment)
    features = WindowFeatures(frontend, batch=1)
    shown = (None, *(one for one in frontend.augment if one.domain != "batch"))
    return [_view(experiment, frontend, features, one, samples) for one in shown]


def _view(
    experiment: Experiment,
    frontend: Frontend,
    features: WindowFeatures,
    augmenter: Any,
    samples: Float[np.ndarray, " samples"],
) -> View:
    key, framing = jax.random.key(experiment.seed), experiment.framing
    if augmenter and "probability" in {field.name for field in dataclasses.fields(augmenter)}:
        augmenter = dataclasses.replace(augmenter, probability=1.0)
    changed = jnp.asarray(samples)
    if augmenter and augmenter.domain == "waveform":
        changed = quantized(augmenter(key, Example(changed, LABEL, framing.sample_rate)).values)
    signal = Signal(changed, framing)
    bases = jnp.asarray(features(np.asarray(changed)[None])[0])
    if augmenter and augmenter.domain == "features":
        bases = augmenter(key, frontend.example(bases, LABEL)).values
    ends = np.cumsum([feature.channels for feature in experiment.features])[:-1]
    own = np.split(np.asarray(frontend.finished(bases)), ends, axis=1)
    panels = {SPECTROGRAM: np.asarray(decibels(signal.power()))}
    for usual, kinds in ((LogMel(), (LogMel, Mel)), (MFCC(), (MFCC,))):
        if not any(isinstance(feature, kinds) for feature in experiment.features):
            panels[FEATURES.name_of(usual)] = np.asarray(usual(signal))
    for index, (feature, rows) in enumerate(zip(experiment.features, own, strict=True)):
        name = FEATURES.name_of(feature)
        name = f"{name}, features.{index}" if name in panels else name
        few = 1 < rows.shape[1] <= LINES
        panels |= {f"{name}[{n}]": rows[:, n : n + 1] for n in range(rows.shape[1])} if few else {name: rows}
    return View(AUGMENTERS.name_of(augmenter) if augmenter else "original", np.asarray(changed), panels)


def _paint(figure: "Figure", views: list[View], experiment: Experiment, title: str) -> None:
    names = list(views[0].panels)
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
        if not _one_scale(name):  # standardized, since the channel with the widest range would hide the others
            mean, std = together.mean(axis=0), np.maximum(together.std(axis=0), 1e-9)
            panels, together = [(one - mean) / std for one in panels], (together - mean) / std
        # quantiles, since silence is far below all other values in dB, and a click far above them on a linear scale
        low, high = np.quantile(together, [0.02, 0.998])
        top = nyquist if name == SPECTROGRAM else together.shape[1]
        for axis, values in zip(row, panels, strict=True):
            axis.imshow(
                values.T, origin="lower", aspect="auto", extent=(0, seconds, 0, top), cmap=IMAGES, vmin=low,
                vmax=max(high, low + 1e-9), interpolation="nearest",
            )  # fmt: skip
    for axis, name in zip(axes[:, 0], ["waveform", *names], strict=True):
        scaled = name in names and views[0].panels[name].shape[1] > 1 and not _one_scale(name)
        axis.set_ylabel(f"{name}\n(standardized)" if scaled else name.replace(", ", "\n"))
    for axis in axes[-1]:
        axis.set_xlabel("time (s)")
    axes[0, 0].set_xlim(0, seconds)


def _one_scale(name: str) -> bool:
    """Whether all channels of a panel have the same unit."""
    return name == SPECTROGRAM or name.startswith(("log_mel", "mel", "chroma"))
