"""Vocal-tract length and tempo perturbation of a spectrogram."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.augment.example import Example
from aersut.augment.mel_bands import interpolated_rows, interpolation
from aersut.augment.random_apply import apply_with_probability, check_probability, check_range
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("mel_warp")
@dataclass(frozen=True)
class MelWarp(Augmenter):
    """Vocal-tract length perturbation (Jaitly & Hinton 2013), pitch and tempo perturbation of a spectrogram.

    Linear interpolation along bands and frames: every epoch gets new speaker variants without cached copies. Beyond
    the edges, the outermost band or frame is repeated. For spectrograms only: cepstral coefficients have no frequency
    axis.

    Attributes:
        bands: lowest and highest factor of the band index, drawn uniformly; above 1 moves the spectrum up. Jaitly &
            Hinton scale the frequency in Hz; these factors change high frequencies more than low ones. With 56 bands
            from 50 Hz to 8 kHz, 1.1 moves 0.5, 1.5 and 3.6 kHz up by 8, 14 and 25 %.
        shift: lowest and highest shift in bands, drawn uniformly, positive is up; on a mel scale it approximates a
            change of pitch.
        tempo: lowest and highest tempo factor, drawn uniformly; above 1 is faster.
        probability: probability of a change.
    """

    domain = "features"
    spectrogram = True
    bands: tuple[float, float] = (0.9, 1.1)
    shift: tuple[float, float] = (-1.0, 1.0)
    tempo: tuple[float, float] = (0.85, 1.15)
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_range("bands", self.bands, above=0)
        check_range("shift", self.shift)
        check_range("tempo", self.tempo, above=0)
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        frames, channels = example.values.shape
        chance, amount = jax.random.split(key)
        lowest, highest = jnp.array((self.bands, self.shift, self.tempo)).T
        bands, shift, tempo = jax.random.uniform(amount, (3,), minval=lowest, maxval=highest)
        over_bands = interpolation((jnp.arange(channels) - shift) / bands, channels)

        def warped() -> Float[Array, "frames channels"]:
            return interpolated_rows(example.values, jnp.arange(frames) * tempo) @ over_bands.T

        return apply_with_probability(chance, self.probability, example, warped)
