"""Cepstral mean subtraction, for any feature."""

from dataclasses import dataclass, field
from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.config import Named
from aersut.contracts import Feature, Framing
from aersut.features.log_mel import LogMel
from aersut.features.signal import Signal
from aersut.registry import FEATURES


@FEATURES.register("centered")
@dataclass(frozen=True)
class Centered(Feature):
    """Cepstral mean subtraction (Atal 1974): another feature minus the mean of each channel over the clip.

    In decibels and in cepstral coefficients, the frequency response of the microphone and the long-term spectrum of the
    speaker are constant offsets. The mean is over frames with a sample other than zero, so the padding of short clips
    has no influence; it is subtracted from all frames.

    Attributes:
        of: the feature.
        level: keep the mean over all channels, the overall level of a spectrogram.
    """

    whole_utterance = True
    of: Annotated[Feature, Named(FEATURES)] = field(default_factory=LogMel)
    level: bool = True

    def check(self, framing: Framing) -> None:
        self.of.check(framing)

    @property
    def channels(self) -> int:
        return self.of.channels

    @property
    def context(self) -> tuple[int, int]:
        return self.of.context

    @property
    def host(self) -> bool:
        return self.of.host

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        rows = signal.feature(self.of)
        sound = (signal.sums(jnp.square(jnp.asarray(signal.samples))) > 0).astype(rows.dtype)
        mean = (sound @ rows) / jnp.maximum(jnp.sum(sound), 1)
        return rows - mean + jnp.mean(mean) if self.level else rows - mean
