"""A feature without what its clip has in common: the voice, the microphone, the room."""

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
    """Another feature less its mean over the clip, channel by channel: cepstral mean subtraction (Atal 1974).

    In decibels, or of cepstral coefficients, a microphone and a speaker's own colour are offsets that last. The mean is
    over frames that hold any sound, so that the padding of short clips does not count; those of silence are centered
    along.

    Attributes:
        of: the feature.
        level: keep the mean of all channels together, which in a spectrogram is loudness.
    """

    whole_utterance = True
    of: Annotated[Feature, Named(FEATURES)] = field(default_factory=LogMel)
    level: bool = True

    def check(self, framing: Framing) -> None:
        self.of.check(framing)

    @property
    def channels(self) -> int:  # type: ignore[override]
        return self.of.channels

    @property
    def context(self) -> tuple[int, int]:  # type: ignore[override]
        return self.of.context

    @property
    def host(self) -> bool:  # type: ignore[override]
        return self.of.host

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        rows = signal.feature(self.of)
        sound = (signal.sums(jnp.square(jnp.asarray(signal.samples))) > 0).astype(rows.dtype)
        mean = (sound @ rows) / jnp.maximum(jnp.sum(sound), 1)
        return rows - mean + jnp.mean(mean) if self.level else rows - mean
