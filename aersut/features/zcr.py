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
    """Zero-crossing rate: the share of a frame's samples whose sign differs from the one before, 0 to 1.

    `librosa.feature.zero_crossing_rate`, to 1e-6. Its gradient is zero: it counts.
    """

    channels = 1

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        # librosa's threshold: smaller values count as zero, zero as positive; and it repeats the first and last sample
        # around the clip, where nothing can cross
        negative = signal.samples < -1e-10
        crossings = jnp.pad((negative[1:] != negative[:-1]).astype(jnp.float32), (1, 0))
        inside = signal.sums(crossings) - signal.starts(crossings)
        return inside[:, None] / signal.framing.frame_length
