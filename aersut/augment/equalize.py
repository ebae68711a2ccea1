"""Another microphone and another loudness, on a spectrogram in decibels."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp

from aersut.augment.chance import check_probability, sometimes
from aersut.augment.example import Example
from aersut.augment.mel_warp import interpolation
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("equalize")
@dataclass(frozen=True)
class Equalize(Augmenter):
    """Adds a smooth random curve over the bands of a log-mel spectrogram, the same to all frames.

    A microphone, a room and a distance are filters, and a filter is an offset in decibels in each band. The curve is
    drawn at `points` places, evenly spaced, and interpolated; its mean is another loudness.

    Attributes:
        db: standard deviation of the curve at each place, in dB.
        points: how many places; 1 for loudness alone.
        probability: of a change at all.
    """

    domain: ClassVar[Literal["waveform", "features", "batch"]] = "features"
    db: float = 3.0
    points: int = 5
    probability: float = 1.0

    def __post_init__(self) -> None:
        if not self.db > 0:
            raise ValueError(f"db must be above 0, got {self.db}")
        if self.points < 1:
            raise ValueError(f"points must be at least 1, got {self.points}")
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, amount = jax.random.split(key)
        drawn = self.db * jax.random.normal(amount, (self.points,))
        curve = interpolation(jnp.linspace(0, self.points - 1, example.values.shape[1]), self.points) @ drawn
        return sometimes(chance, self.probability, example, lambda: example.values + curve)
