"""Time shift."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.augment.example import Example
from aersut.augment.random_apply import apply_with_probability, check_probability, root
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("time_shift")
@dataclass(frozen=True)
class TimeShift(Augmenter):
    """Time shift of the clip within its window, filled with silence; samples beyond the window are lost.

    A board classifies a ring buffer, in which an utterance may have any place and background noise surrounds it:
    `seconds` as long as the window and `noise_db` imitate that.

    Attributes:
        seconds: largest shift in s, in both directions, drawn uniformly.
        noise_db: level of Gaussian noise in the whole window, in dB relative to the power of the unshifted window, such
            as -50; None leaves digital silence.
        probability: probability of a change.
    """

    seconds: float = 0.3
    noise_db: float | None = None
    probability: float = 0.5

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise ValueError(f"seconds must be above 0, got {self.seconds}")
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, amount = jax.random.split(key)
        (samples,) = example.values.shape
        most = min(samples, round(self.seconds * example.sample_rate))
        shift = jax.random.randint(amount, (), -most, most + 1)

        def shifted() -> Float[Array, " samples"]:
            moved = jax.lax.dynamic_slice(jnp.pad(example.values, most), (most - shift,), (samples,))
            if self.noise_db is None:
                return moved
            deviation = root(jnp.mean(jnp.square(example.values)) * 10 ** (self.noise_db / 10))
            return moved + deviation * jax.random.normal(jax.random.fold_in(amount, 0), (samples,))

        return apply_with_probability(chance, self.probability, example, shifted)
