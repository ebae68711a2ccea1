"""Channel (frequency response) and gain perturbation of a log-mel spectrogram."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from aersut.augment.example import Example
from aersut.augment.mel_bands import interpolation
from aersut.augment.random_apply import apply_with_probability, check_probability
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("equalize")
@dataclass(frozen=True)
class Equalize(Augmenter):
    """Channel (frequency response) perturbation of a log-mel spectrogram: one random smooth curve for all frames.

    A microphone and a room filter the speech, and a filter adds an offset in dB to each band. The curve is drawn at
    `points` evenly spaced points and interpolated linearly. Its mean is a change of gain.

    Attributes:
        db: standard deviation of the curve at each point in dB.
        points: number of points; 1 changes the gain only.
        probability: probability of a change.
    """

    domain = "features"
    spectrogram = True
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
        return apply_with_probability(chance, self.probability, example, lambda: example.values + curve)
