"""Additive noise in a log-mel spectrogram."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut.augment.example import Example
from aersut.augment.mel_bands import DB, band_frequencies, interpolation, silent_frames
from aersut.augment.random_apply import apply_with_probability, check_probability, check_range, uniform
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS

POINTS = 5
"""Number of points of the random curve of the spectrum."""

FRAME_SECONDS = 0.05
"""Assumed duration of a frame in s; it sets how much the noise fluctuates in a wide band."""


@AUGMENTERS.register("mel_noise")
@dataclass(frozen=True)
class MelNoise(Augmenter):
    """Additive stationary noise in a log-mel spectrogram, at a random signal-to-noise ratio (SNR).

    The power of coloured noise is added to the power of each cell; the phase between both is neglected. The spectrum of
    the noise has a random slope (0 dB per octave is white, -3 pink, -6 brown) and a random smooth curve. Its cells
    fluctuate as those of a periodogram: with a chi-square distribution whose degrees of freedom grow with the width of
    the band (Welch 1967), drawn by the approximation of Wilson & Hilferty (1931). Every epoch gets new noise without
    cached copies.

    Attributes:
        snr_db: lowest and highest SNR in dB, drawn uniformly; the power of speech is the mean over all frames that are
            not digital silence, and each band has the weight that it has in the waveform.
        slope_db: lowest and highest slope of the spectrum in dB per octave, drawn uniformly.
        curve_db: standard deviation of the random curve in dB; 0 is none.
        floor_db: level of digital silence in dB; None for that of the features, 10 · log10 of the `amin` of `log_mel`.
        probability: probability of a change.
    """

    domain = "features"
    log_mel = True
    snr_db: tuple[float, float] = (0.0, 30.0)
    slope_db: tuple[float, float] = (-6.0, 0.0)
    curve_db: float = 3.0
    floor_db: float | None = None
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("snr_db", self.snr_db)
        check_range("slope_db", self.slope_db)
        if self.curve_db < 0:
            raise ValueError(f"curve_db must be 0 or more, got {self.curve_db}")
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, level, tilt, bend, cells = jax.random.split(key, 5)
        values = example.values
        bands = values.shape[1]
        floor_db = example.log_mel.floor(self.floor_db)
        centers, widths = band_frequencies(example.sample_rate, bands, example.log_mel)
        # fitted to log-mel spectrograms of white noise, frames of 32 to 128 ms, Hann window
        half_freedom = 0.5 + 0.77 * widths * FRAME_SECONDS

        def noisy() -> Float[Array, "frames bands"]:
            slope = uniform(tilt, self.slope_db)
            curve = interpolation(jnp.linspace(0, POINTS - 1, bands), POINTS) @ jax.random.normal(bend, (POINTS,))
            spectrum = slope * jnp.log2(centers / 1000) + self.curve_db * curve
            ratio = uniform(level, self.snr_db)
            speech = jnp.exp(values / DB)
            noise = jnp.exp(spectrum / DB)
            wanted = jnp.maximum(_speech_power(values, speech @ widths, floor_db), 1e-30) * 10 ** (-ratio / 10)
            normal = jax.random.normal(cells, values.shape)
            cube_root = 1 - 1 / (9 * half_freedom) + normal / (3 * np.sqrt(half_freedom))
            return DB * jnp.log(speech + wanted / jnp.dot(noise, widths) * noise * jnp.maximum(cube_root, 0.1) ** 3)

        return apply_with_probability(chance, self.probability, example, noisy)


def _speech_power(
    values: Float[Array, "frames bands"], powers: Float[Array, " frames"], floor_db: float
) -> Float[Array, ""]:
    """Mean power of the frames that are not digital silence; 0 if there are none."""
    loud = ~silent_frames(values, floor_db)
    return jnp.sum(loud * powers) / jnp.maximum(jnp.sum(loud), 1)
