"""Reverberation."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.augment.example import Example
from aersut.augment.random_apply import apply_with_probability, check_probability, check_range, uniform
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("reverb")
@dataclass(frozen=True)
class Reverb(Augmenter):
    """Reverberation with a synthetic impulse response: the direct sound, followed by exponentially decaying noise.

    Such noise models late reverberation (Polack 1988); early reflections are not modeled, `room` has them. The time and
    the level of the direct sound do not change.

    Attributes:
        seconds: lowest and highest reverberation time (RT60) in s, drawn uniformly.
        direct_db: lowest and highest direct-to-reverberant energy ratio in dB, drawn uniformly.
        probability: probability of a change.
    """

    seconds: tuple[float, float] = (0.1, 0.6)
    direct_db: tuple[float, float] = (0.0, 15.0)
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("seconds", self.seconds, above=0)
        check_range("direct_db", self.direct_db)
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        import scipy.fft  # deferred: it takes longer to import than all augmenters and features

        chance, time, ratio, noise = jax.random.split(key, 4)
        samples = len(example.values)
        length = min(samples, round(self.seconds[1] * example.sample_rate))
        size = scipy.fft.next_fast_len(samples + length, real=True)

        def reverberant() -> Float[Array, " samples"]:
            seconds = uniform(time, self.seconds)
            decay = 10 ** (-3 * jnp.arange(1, length + 1) / (seconds * example.sample_rate))
            level = 10 ** (-uniform(ratio, self.direct_db) / 20)
            tail = decay * jax.random.normal(noise, (length,))
            tail = tail * level * jax.lax.rsqrt(jnp.sum(jnp.square(tail)))
            echo = jnp.fft.irfft(jnp.fft.rfft(example.values, size) * jnp.fft.rfft(tail, size), size)
            late = jnp.pad(echo[: samples - 1], (1, 0))  # the tail starts one sample after the direct sound
            return example.values + late

        return apply_with_probability(chance, self.probability, example, reverberant)
