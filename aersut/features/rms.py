"""Root-mean-square energy."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.augment.random_apply import root
from aersut.contracts import Feature
from aersut.features.signal import Signal
from aersut.registry import FEATURES


@FEATURES.register("rms")
@dataclass(frozen=True)
class RMS(Feature):
    """Root-mean-square energy of each unwindowed frame, 0 to 1: `librosa.feature.rms`, within 1e-6."""

    channels = 1

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        return root(signal.sums(jnp.square(signal.samples))[:, None] / signal.framing.frame_length)
