"""Random gain."""

from dataclasses import dataclass

import jax

from aersut.augment.example import Example
from aersut.augment.random_apply import apply_with_probability, check_probability, check_range, uniform
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("gain")
@dataclass(frozen=True)
class Gain(Augmenter):
    """Random gain in dB.

    Samples beyond [-1, 1] are clipped after all augmenters, as by a recorder.

    Attributes:
        db: lowest and highest gain in dB, drawn uniformly.
        probability: probability of a change.
    """

    db: tuple[float, float] = (-6.0, 6.0)
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("db", self.db)
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, amount = jax.random.split(key)
        gain = 10 ** (uniform(amount, self.db) / 20)
        return apply_with_probability(chance, self.probability, example, lambda: gain * example.values)
