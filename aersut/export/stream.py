"""Features as they come on a board: frame by frame, then from a ring of frames.

A board computes each frame when its samples are there (`frontend.tflite`), keeps the frames of one window in a ring,
and classifies them. What describes each frame by itself streams as it is. What looks along time (deltas, scaling by
utterance) is computed from the ring, in the classifier's file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int16

from aersut.contracts import Feature, Framing
from aersut.errors import UserError
from aersut.export.products import beside
from aersut.features.frontend import Frontend, Scaling
from aersut.features.signal import Signal
from aersut.registry import FEATURES


@dataclass(frozen=True)
class Stream:
    """A frontend in two parts.

    Attributes:
        frontend: the whole, as it was trained with.
        frames: the part that describes each frame by itself, with a scaling of its own.
    """

    frontend: Frontend
    frames: Frontend

    @property
    def plain(self) -> bool:
        """Whether scaled frames side by side are already what the network reads."""
        return self.frames.features == self.frontend.features and not self.frontend.per_utterance

    def window(self, rows: Float[Array, "frames some"]) -> Float[Array, "frames channels"]:
        """What the network reads, of the scaled frames of one window."""
        scaling = self.frames.scaling
        rows = rows if scaling is None else rows * scaling.deviation + scaling.mean
        return self.frontend.scaled(beside(_Ring(rows, self.frames), self.frontend.features))


def divide(frontend: Frontend, clips: Int16[np.ndarray, "clips samples"]) -> Stream:
    """Divide a frontend.

    Args:
        clips: of the training part, to scale frames by where the frontend's own scaling cannot be used.

    Raises:
        UserError: a feature does not stream.
    """
    bases = tuple(dict.fromkeys(base for feature in frontend.features for base in _bases(feature)))
    whole = replace(frontend, augment=())
    stream = Stream(whole, replace(whole, features=bases, per_utterance=False))
    if stream.plain:
        return stream
    _refuse_samples(stream)
    return replace(stream, frames=_scaled(stream.frames, clips))


def cut(samples: Int16[np.ndarray, " samples"], framing: Framing) -> Int16[np.ndarray, "frames one_and_frame_length"]:
    """What a board has at hand for each frame of a window: the frame's samples, and the one before them.

    Frame k begins at sample k · hop_length, or half a frame earlier where the framing centres frames. Before the first
    sample and after the last there is silence.
    """
    before = 1 + (framing.frame_length // 2 if framing.center else 0)
    padded = np.pad(samples, (before, framing.frame_length))
    starts = framing.hop_length * np.arange(framing.frames)
    return padded[starts[:, None] + np.arange(1 + framing.frame_length)]


def _bases(feature: Feature) -> Iterator[Feature]:
    """The features that `feature` is made of and that describe each frame by itself."""
    name = FEATURES.name_of(feature)
    inner = [value for field in fields(feature) if isinstance(value := getattr(feature, field.name), Feature)]  # type: ignore[arg-type]
    if feature.host:
        raise UserError(f"feature '{name}' runs on the host, so no board can compute it. Train without it.")
    if feature.context == (0, 0) and not feature.whole_utterance:
        yield feature
    elif inner:
        for one in inner:
            yield from _bases(one)
    elif feature.whole_utterance:
        raise UserError(
            f"feature '{name}' depends on the whole utterance, so it cannot be computed frame by frame. Train without "
            f"it{f', or with {name}.top_db=none' if hasattr(feature, 'top_db') else ''}."
        )
    else:
        raise UserError(
            f"feature '{name}' looks at frames before or after the one that it describes, and is not made of another "
            "feature whose frames a board could keep (as 'delta' is, by Signal.feature). Train without it."
        )


def _scaled(frames: Frontend, clips: Int16[np.ndarray, "clips samples"]) -> Frontend:
    features = np.asarray(jax.jit(frames.transformed)(jnp.asarray(clips, jnp.float32) / 32768)[1], np.float64)
    mean, deviation = features.mean((0, 1)), features.std((0, 1))
    deviation[deviation < 1e-6 * np.maximum(1, np.abs(mean))] = 1
    return replace(frames, scaling=Scaling(mean.astype(np.float32), deviation.astype(np.float32)))


class _Ring(Signal):
    """A window of which there are no samples any more, but frames of features."""

    def __init__(self, rows: Float[Array, "frames some"], frames: Frontend) -> None:
        self.framing = frames.framing
        self._known, begin = {}, 0
        for feature in frames.features:
            self._known["feature", feature] = rows[:, begin : begin + feature.channels]
            begin += feature.channels

    @property
    def samples(self) -> Array:  # type: ignore[override]
        raise _NoSamplesError


class _NoSamplesError(Exception):
    pass


def _refuse_samples(stream: Stream) -> None:
    rows = jnp.zeros(stream.frames.shape)
    for feature in stream.frontend.features:
        try:
            _Ring(rows, stream.frames).feature(feature)
        except _NoSamplesError:
            raise UserError(
                f"feature '{FEATURES.name_of(feature)}' looks along time and reads samples, so that frames of other "
                "features are not enough for it. Train without it."
            ) from None
