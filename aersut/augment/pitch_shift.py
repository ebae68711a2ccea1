"""Another pitch."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from aersut.augment.chance import check_probability, check_range, sometimes
from aersut.augment.example import Example
from aersut.augment.vocoder import stretch
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS

BLOCK = 128
"""Samples that are interpolated together; the factor of the pitch is a multiple of 1 / 128, 13.5 cents."""
REACH = 16
"""Zero crossings of the interpolating kernel on either side."""


@AUGMENTERS.register("pitch_shift")
@dataclass(frozen=True)
class PitchShift(Augmenter):
    """Speaks higher or lower at the same tempo: stretched by a phase vocoder, then resampled to its old length.

    As `librosa.effects.pitch_shift`, formants move along. The factor is rounded to 1 / 128, so that no pitch is off by
    more than 7 cents (14 an octave down).

    Attributes:
        semitones: lowest and highest shift, drawn uniformly, -12 to 12.
        probability: of a change at all.
    """

    semitones: tuple[float, float] = (-3.0, 3.0)
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("semitones", self.semitones)
        if max(map(abs, self.semitones)) > 12:
            raise ValueError(f"semitones must lie between -12 and 12, got {self.semitones}")
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, amount = jax.random.split(key)
        shift = jax.random.uniform(amount, minval=self.semitones[0], maxval=self.semitones[1])
        most = max(round(BLOCK * 2 ** (limit / 12)) for limit in self.semitones)
        step = jnp.clip(jnp.rint(BLOCK * 2 ** (shift / 12)), 1, most).astype(jnp.int32)
        length = math.ceil(len(example.values) / BLOCK) * most + most

        def shifted() -> Float[Array, " samples"]:
            longer = stretch(example.values, BLOCK / step, length)
            return resampled(longer, step, most, len(example.values))

        return sometimes(chance, self.probability, example, shifted)


def resampled(
    samples: Float[Array, " samples"], step: Int[Array, ""], most: int, length: int
) -> Float[Array, " length"]:
    """Every (step / 128)-th sample of a signal, band-limited: sample n is what lies at n · step / 128.

    128 samples on, the position has the same fraction. So one matrix interpolates all blocks of 128 samples, and where
    these begin is all that the step changes beside.

    Args:
        step: at most `most`.
    """
    reach = math.ceil(REACH * max(1.0, most / BLOCK))
    padded = jnp.pad(samples, (reach, reach + most))
    begins = step * jnp.arange(math.ceil(length / BLOCK))
    blocks = jax.vmap(lambda begin: jax.lax.dynamic_slice(padded, (begin,), (most + 2 * reach,)))(begins)
    return (blocks @ _kernel(step, most, reach)).reshape(-1)[:length]


def _kernel(step: Int[Array, ""], most: int, reach: int) -> Float[Array, "inputs outputs"]:
    """sinc under the window (1 - x²)², its pass band narrowed where the signal gets shorter."""
    cutoff = jnp.minimum(1.0, BLOCK / step)
    places = np.arange(most + 2 * reach)[:, None] - reach
    numbers = jnp.arange(BLOCK) * step
    # whole numbers and fractions apart, which keeps them exact
    distance = (places - numbers // BLOCK) - (numbers % BLOCK) / BLOCK
    window = jnp.square(1 - jnp.square(jnp.clip(distance / reach, -1, 1)))
    return cutoff * jnp.sinc(cutoff * distance) * window
