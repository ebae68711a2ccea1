"""The two stages of an audio frontend: features that are computed from samples, and features computed from their rows.

The stages are divided twice, at different places. In training, the base features (a log-mel spectrogram) are cached and
augmented, and everything that wraps them (mean normalization, PCEN, deltas) is part of the step. On a device, all
features that need one frame and a state are computed frame by frame, and the others from a ring buffer of frames.
"""

from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import Array, Float

from aersut.contracts import Feature, Framing
from aersut.features.signal import Signal


class RowsSignal(Signal):
    """A window whose rows of some features are known and whose samples are not.

    Attributes:
        framing: sample rate, window and frames.
    """

    def __init__(self, rows: Float[Array, "frames some"], features: tuple[Feature, ...], framing: Framing) -> None:
        self.framing, self.hop_seconds = framing, framing.hop_length / framing.sample_rate
        self._known, begin = {}, 0
        for feature in features:
            self._known["feature", feature] = rows[:, begin : begin + feature.channels]
            begin += feature.channels

    @property
    def samples(self) -> Array:  # type: ignore[override]
        raise NoSamplesError


class NoSamplesError(Exception):
    """A feature reads samples, and only rows of other features are known."""


def inner_features(feature: Feature) -> list[Feature]:
    """The features that `feature` wraps, in its fields."""
    return [one for one in feature.nested() if isinstance(one, Feature)]


def base_features(features: tuple[Feature, ...], framing: Framing) -> tuple[Feature, ...]:
    """The features that are computed from samples, from which all of `features` are computed."""
    return tuple(dict.fromkeys(base for feature in features for base in _bases(feature, framing)))


def reads_samples(feature: Feature, framing: Framing) -> bool:
    """Whether a feature cannot be computed from the rows of the features that it wraps."""
    inner = tuple(inner_features(feature))
    shape = np.zeros((framing.frames, sum(one.channels for one in inner)), np.float32)
    try:
        jax.eval_shape(lambda rows: RowsSignal(rows, inner, framing).feature(feature), shape)
    except (NoSamplesError, jax.errors.JAXTypeError):  # the latter: a feature that runs on the host
        return True
    return False


def _bases(feature: Feature, framing: Framing) -> Iterator[Feature]:
    inner = inner_features(feature)
    if not inner or reads_samples(feature, framing):
        yield feature
        return
    for one in inner:
        yield from _bases(one, framing)
