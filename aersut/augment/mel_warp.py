"""Another vocal tract and another tempo, on a spectrogram."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.augment.chance import check_probability, check_range, sometimes
from aersut.augment.example import Example
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("mel_warp")
@dataclass(frozen=True)
class MelWarp(Augmenter):
    """Stretches a spectrogram along frequency, as vocal tracts of other lengths do, and along time.

    Vocal-tract length perturbation (Jaitly & Hinton 2013) on the bands that are there, which costs two small products
    of matrices: every epoch hears other voices, without copies. Bands and frames in between are interpolated; where it
    reaches beyond the spectrogram, its outermost band or frame goes on. For spectrograms alone: cepstral coefficients
    and their like have no frequency axis.

    Attributes:
        bands: lowest and highest factor by which what lies in a band moves up, drawn uniformly.
        shift: lowest and highest number of bands by which all moves up beside that, which on a mel scale is about what
            another pitch does.
        tempo: lowest and highest factor by which the clip is faster.
        probability: of a change at all.
    """

    domain: ClassVar[Literal["waveform", "features", "batch"]] = "features"
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
        chance, *keys = jax.random.split(key, 4)
        bands, shift, tempo = (
            jax.random.uniform(one, minval=limits[0], maxval=limits[1])
            for one, limits in zip(keys, (self.bands, self.shift, self.tempo), strict=True)
        )
        over_bands = interpolation((jnp.arange(channels) - shift) / bands, channels)
        over_frames = interpolation(jnp.arange(frames) * tempo, frames)
        return sometimes(chance, self.probability, example, lambda: over_frames @ example.values @ over_bands.T)


def interpolation(places: Float[Array, " outputs"], size: int) -> Float[Array, "outputs size"]:
    """The matrix that interpolates `size` values linearly at these places; the outermost values go on."""
    inside = jnp.clip(places, 0, size - 1)
    return jnp.maximum(0.0, 1.0 - jnp.abs(inside[:, None] - jnp.arange(size)))
