"""Time stretch."""

from dataclasses import dataclass

import jax

from aersut.augment.example import Example
from aersut.augment.phase_vocoder import stretch
from aersut.augment.random_apply import apply_with_probability, check_probability, check_range, uniform
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("time_stretch")
@dataclass(frozen=True)
class TimeStretch(Augmenter):
    """Time stretch at constant pitch by a phase vocoder, as `librosa.effects.time_stretch`.

    The window keeps its length: the end of a slower clip is lost, the end of a faster clip is silence.

    Attributes:
        rate: lowest and highest tempo factor, drawn uniformly; above 1 is faster.
        probability: probability of a change.
    """

    rate: tuple[float, float] = (0.8, 1.2)
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("rate", self.rate, above=0)
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, amount = jax.random.split(key)
        rate = uniform(amount, self.rate)
        return apply_with_probability(
            chance, self.probability, example, lambda: stretch(example.values, rate, len(example.values))
        )
