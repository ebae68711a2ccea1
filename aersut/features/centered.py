"""Mean and variance normalization, for any feature."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.features.pcen import smoothing_weight
from aersut.features.signal import Signal
from aersut.features.wrapper import Wrapper
from aersut.registry import FEATURES

FLOOR = 1.0
"""Added to variances, in dB² for a spectrogram: a channel with less deviation is not amplified."""


@FEATURES.register("centered")
@dataclass(frozen=True)
class Centered(Wrapper):
    """Cepstral mean (and variance) normalization (Atal 1974; Viikki & Laurila 1998), for each channel of a feature.

    In dB and in cepstral coefficients, the gain and the frequency response of the microphone and the long-term spectrum
    of the speaker are constant offsets, which the mean removes. The statistics are those of the utterance, or of the
    past with exponentially decreasing weights, which streams.

    Attributes:
        of: the feature.
        level: keep the mean over all channels, the overall level of a spectrogram.
        variance: also divide each channel by its standard deviation (CMVN). It is that of the variance plus 1, which is
            far below that of a channel in dB, and keeps constant channels finite.
        range_db: statistics of the utterance include only frames whose mean over channels is at most this far below
            that of the loudest frame, so that padding and pauses have no influence; None for all frames.
        time_constant: in s, for statistics of the past; None for those of the utterance.
    """

    level: bool = True
    variance: bool = False
    range_db: float | None = 40.0
    time_constant: float | None = None

    def __post_init__(self) -> None:
        for name in ("range_db", "time_constant"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be above 0, or none, got {value}")

    @property
    def whole_utterance(self) -> bool:
        return self.time_constant is None or self.of.whole_utterance

    @property
    def recursive(self) -> bool:
        return self.time_constant is not None or self.of.recursive

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        rows = signal.feature(self.of)
        moments = jnp.concatenate([rows, jnp.square(rows)], axis=1) if self.variance else rows
        moments = self._of_utterance(moments, rows) if self.time_constant is None else self._of_past(moments, signal)
        mean = moments[:, : self.channels]
        centered = rows - mean
        if self.variance:
            spread = jnp.maximum(moments[:, self.channels :] - jnp.square(mean), 0)
            centered = centered * jnp.exp(-0.5 * jnp.log(spread + FLOOR))
        return centered + jnp.mean(mean, axis=1, keepdims=True) if self.level else centered

    def _of_utterance(self, moments: Array, rows: Array) -> Float[Array, "1 moments"]:
        if self.range_db is None:
            return jnp.mean(moments, axis=0, keepdims=True)
        level = jnp.mean(rows, axis=1)
        used = (level >= jnp.max(level) - self.range_db).astype(rows.dtype)
        return (used @ moments / jnp.sum(used))[None]

    def _of_past(self, moments: Array, signal: Signal) -> Float[Array, "frames moments"]:
        assert self.time_constant is not None
        weight = smoothing_weight(self.time_constant, signal.hop_seconds)

        def step(state: Array, row: Array) -> tuple[Array, Array]:
            # the sum of the weights is carried too, so the first frames have the mean of all frames so far
            state = state + weight * (jnp.concatenate([jnp.ones(1), row]) - state)
            return state, state[1:] / state[:1]

        return signal.recursion(step, 1 + moments.shape[1], moments)
