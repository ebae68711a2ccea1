"""Delta features: the change of a feature over time."""

import functools
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut.contracts import Feature, Framing
from aersut.features.mfcc import MFCC
from aersut.features.signal import Signal
from aersut.features.wrapper import Wrapper
from aersut.registry import FEATURES
from aersut.tree import Named


@FEATURES.register("delta")
@dataclass(frozen=True)
class Delta(Wrapper):
    """Delta of another feature: slope of a line fitted to `width` frames (Savitzky & Golay 1964), per frame.

    `librosa.feature.delta(of, width=width)`, to 1e-6 of the magnitude of the feature, plus the difference of the
    feature itself from librosa. At the edges, the line of the first (last) `width` frames is extrapolated.

    Attributes:
        of: the feature.
        width: number of frames of the fit; odd, at least 3.
    """

    order: ClassVar[int] = 1
    of: Annotated[Feature, Named(FEATURES)] = field(default_factory=MFCC)
    width: int = 9

    def __post_init__(self) -> None:
        if self.width < 3 or self.width % 2 == 0:
            raise ValueError(f"width must be odd and at least 3, got {self.width}")

    def check(self, framing: Framing) -> None:
        self.of.check(framing)
        if framing.frames < self.width:
            raise ValueError(
                f"width {self.width} is more than the {framing.frames} frames of {framing.seconds} s; "
                "reduce width or lengthen the window"
            )

    @property
    def context(self) -> tuple[int, int]:
        # half of `width` on both sides inside the clip; the first and the last frames depend on `width` frames
        before, after = self.of.context
        return before + self.width - 1, after + self.width - 1

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        rows = signal.feature(self.of)
        return jnp.asarray(_slopes(signal.framing.frames, self.width, self.order)) @ rows


@FEATURES.register("delta_delta")
@dataclass(frozen=True)
class DeltaDelta(Delta):
    """Delta-delta of another feature: second derivative of a parabola fitted to `width` frames, per frame².

    `librosa.feature.delta(of, width=width, order=2)`, to the tolerance of `delta`.
    """

    order: ClassVar[int] = 2


@functools.cache
def _slopes(frames: int, width: int, order: int) -> Float[np.ndarray, "frames frames"]:
    import scipy.signal  # deferred: half of the import time of all features

    # the filter is linear: applied to the unit matrix it returns its own matrix
    matrix = scipy.signal.savgol_filter(np.eye(frames), width, polyorder=order, deriv=order, axis=0, mode="interp")
    return np.asarray(matrix, np.float32)
