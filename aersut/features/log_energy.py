"""Log energy."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.contracts import Feature
from aersut.features.signal import Signal, decibels
from aersut.registry import FEATURES


@FEATURES.register("log_energy")
@dataclass(frozen=True)
class LogEnergy(Feature):
    """Log energy: the level of each unwindowed frame in dB relative to full scale; the square of `rms` in dB.

    Attributes:
        amin: lower limit of the mean square; digital silence has this level.
    """

    channels = 1
    amin: float = 1e-10

    def __post_init__(self) -> None:
        if not self.amin > 0:
            raise ValueError(f"amin must be above 0, got {self.amin}")

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        power = signal.sums(jnp.square(jnp.asarray(signal.samples)))[:, None] / signal.framing.frame_length
        return decibels(power, amin=self.amin)
