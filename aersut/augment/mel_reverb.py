"""Reverberation of a log-mel spectrogram."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut.augment.example import Example
from aersut.augment.mel_bands import DB, interpolation
from aersut.augment.random_apply import apply_with_probability, check_probability, check_range, log_uniform, uniform
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS

POINTS = 4
"""Number of points of the random curve of the reverberation time over the bands."""
DECAY = 6 * np.log(10)
"""The exponent by which the power of reverberation falls within the reverberation time: 60 dB."""


@AUGMENTERS.register("mel_reverb")
@dataclass(frozen=True)
class MelReverb(Augmenter):
    """Reverberation of a log-mel spectrogram: each frame leaves a decaying tail of its power in the frames after it.

    In late reverberation, the power of the reflections of a sound decays exponentially and adds to that of later sounds
    (Polack 1988; Lebart et al. 2001), so the power in a band is convolved with an exponential. The reverberation time
    varies with the band by a random smooth curve, and each value of the tail fluctuates. Early reflections, which
    change the spectrum, are those of `equalize`. `reverb` changes the waveform.

    Attributes:
        seconds: lowest and highest reverberation time (RT60) in s, drawn log-uniformly.
        direct_db: lowest and highest direct-to-reverberant energy ratio in dB, drawn uniformly.
        hop_seconds: time between adjacent frames in s; None for that of the features.
        probability: probability of a change.
    """

    domain = "features"
    log_mel = True
    seconds: tuple[float, float] = (0.2, 2.0)
    direct_db: tuple[float, float] = (-10.0, 10.0)
    hop_seconds: float | None = None
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("seconds", self.seconds, above=0)
        check_range("direct_db", self.direct_db)
        if self.hop_seconds is not None and not self.hop_seconds > 0:
            raise ValueError(f"hop_seconds must be above 0, got {self.hop_seconds}")
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, *draws = jax.random.split(key, 5)
        frames, bands = example.values.shape
        hop_seconds = example.log_mel.hop_seconds if self.hop_seconds is None else self.hop_seconds

        def reverberant() -> Float[Array, "frames bands"]:
            points = jax.random.normal(draws[0], (POINTS,))
            curve = jnp.exp(0.3 * interpolation(jnp.linspace(0, POINTS - 1, bands), POINTS) @ points)
            times = log_uniform(draws[1], self.seconds) * curve
            ratio = uniform(draws[2], self.direct_db)
            lags = hop_seconds * (jnp.arange(frames)[:, None] + 0.5)
            tail = jnp.exp(-DECAY * lags / times + 0.3 * jax.random.normal(draws[3], (frames, bands)))
            tail *= 10 ** (-ratio / 10) / jnp.sum(tail, axis=0)
            power = jnp.exp(example.values / DB)
            size = 2 * frames  # so that the end of the tail does not wrap around
            late = jnp.fft.irfft(jnp.fft.rfft(power, size, axis=0) * jnp.fft.rfft(tail, size, axis=0), size, axis=0)
            # the transform's rounding errors are relative to the loudest cell; no cell falls below the direct sound
            return DB * jnp.log(power + jnp.maximum(late[:frames], 0))

        return apply_with_probability(chance, self.probability, example, reverberant)
