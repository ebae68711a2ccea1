"""Root-mean-square energy."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.contracts import Feature
from aersut.features.signal import Signal
from aersut.registry import FEATURES


@FEATURES.register("rms")
@dataclass(frozen=True)
class RMS(Feature):
    """Root-mean-square energy of each frame, not windowed, 0 to 1: `librosa.feature.rms`, to 1e-6."""

    channels = 1

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        power = signal.sums(jnp.square(signal.samples))[:, None] / signal.framing.frame_length
        # the gradient of a root is infinite at 0, so silence takes the other branch
        return jnp.where(power > 0, jnp.sqrt(jnp.where(power > 0, power, 1.0)), 0.0)
