"""Zero-crossing rate."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.contracts import Feature
from aersut.features.signal import Signal
from aersut.registry import FEATURES


@FEATURES.register("zcr")
@dataclass(frozen=True)
class ZCR(Feature):
    """Zero-crossing rate: fraction of a frame's samples whose sign differs from the previous sample, 0 to 1.

    `librosa.feature.zero_crossing_rate`, to 1e-6. Its gradient is zero.
    """

    channels = 1

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        # as in librosa, values up to 1e-10 count as zero and zero as positive; and librosa pads the clip with its first
        # and last sample, which adds no crossing
        negative = signal.samples < -1e-10
        crossings = jnp.pad((negative[1:] != negative[:-1]).astype(jnp.float32), (1, 0))
        inside = signal.sums(crossings) - signal.starts(crossings)
        return inside[:, None] / signal.framing.frame_length
