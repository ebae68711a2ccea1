"""Pitch shift."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from aersut.augment.example import Example
from aersut.augment.phase_vocoder import stretch
from aersut.augment.random_apply import apply_with_probability, check_probability, check_range, uniform
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS

BLOCK = 128
"""Samples that are interpolated together; the pitch factor is a multiple of 1 / 128, 13.5 cents."""
REACH = 16
"""Zero crossings of the interpolation kernel on each side."""


@AUGMENTERS.register("pitch_shift")
@dataclass(frozen=True)
class PitchShift(Augmenter):
    """Pitch shift at constant tempo: time stretch by a phase vocoder, then resampling to the original length.

    As `librosa.effects.pitch_shift`, which shifts formants too. The factor is rounded to 1 / 128: the error is at most
    7 cents (14 at an octave down).

    Attributes:
        semitones: lowest and highest shift in semitones, drawn uniformly, -12 to 12.
        probability: probability of a change.
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
        shift = uniform(amount, self.semitones)
        most = max(round(BLOCK * 2 ** (limit / 12)) for limit in self.semitones)
        step = jnp.clip(jnp.rint(BLOCK * 2 ** (shift / 12)), 1, most).astype(jnp.int32)
        length = math.ceil(len(example.values) / BLOCK) * most + most

        def shifted() -> Float[Array, " samples"]:
            longer = stretch(example.values, BLOCK / step, length)
            return resampled(longer, step, most, len(example.values))

        return apply_with_probability(chance, self.probability, example, shifted)


def resampled(
    samples: Float[Array, " samples"], step: Int[Array, ""], most: int, length: int
) -> Float[Array, " length"]:
    """Resample with a band limit: output sample n is the input at n · step / 128.

    Positions that are 128 outputs apart have the same fraction. One matrix therefore interpolates all blocks of 128
    outputs; `step` changes only the matrix and the starts of the blocks.

    Args:
        step: input samples per 128 output samples, at most `most`.
        most: largest value of `step`.
    """
    reach = math.ceil(REACH * max(1.0, most / BLOCK))
    padded = jnp.pad(samples, (reach, reach + most))
    begins = step * jnp.arange(math.ceil(length / BLOCK))
    blocks = jax.vmap(lambda begin: jax.lax.dynamic_slice(padded, (begin,), (most + 2 * reach,)))(begins)
    return (blocks @ _kernel(step, most, reach)).reshape(-1)[:length]


def _kernel(step: Int[Array, ""], most: int, reach: int) -> Float[Array, "inputs outputs"]:
    """Sinc kernel with the window (1 - x²)²; the pass band is narrower if the signal gets shorter."""
    cutoff = jnp.minimum(1.0, BLOCK / step)
    positions = np.arange(most + 2 * reach)[:, None] - reach
    numbers = jnp.arange(BLOCK) * step
    # integers and fractions apart, for exactness
    distance = (positions - numbers // BLOCK) - (numbers % BLOCK) / BLOCK
    window = jnp.square(1 - jnp.square(jnp.clip(distance / reach, -1, 1)))
    return cutoff * jnp.sinc(cutoff * distance) * window
