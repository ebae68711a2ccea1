"""Another tempo."""

from dataclasses import dataclass

import jax

from aersut.augment.chance import check_probability, check_range, sometimes
from aersut.augment.example import Example
from aersut.augment.vocoder import stretch
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("time_stretch")
@dataclass(frozen=True)
class TimeStretch(Augmenter):
    """Speaks faster or slower at the same pitch, by a phase vocoder, as `librosa.effects.time_stretch`.

    The window keeps its length: what a slower voice does not fit into is lost at the end, what a faster one leaves free
    is silence.

    Attributes:
        rate: lowest and highest tempo, drawn uniformly; above 1 is faster.
        probability: of a change at all.
    """

    rate: tuple[float, float] = (0.8, 1.2)
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("rate", self.rate, above=0)
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, amount = jax.random.split(key)
        rate = jax.random.uniform(amount, minval=self.rate[0], maxval=self.rate[1])
        return sometimes(chance, self.probability, example, lambda: stretch(example.values, rate, len(example.values)))
