"""How a feature changes over time."""

import functools
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut.config import Named
from aersut.contracts import Feature, Framing
from aersut.features.mfcc import MFCC
from aersut.features.signal import Signal
from aersut.registry import FEATURES


@FEATURES.register("delta")
@dataclass(frozen=True)
class Delta(Feature):
    """The slope of another feature: a line through `width` frames (Savitzky & Golay 1964), per frame.

    `librosa.feature.delta(of, width=width)`, to 1e-6 of what the feature itself is off by or is large: at the edges the
    line of the first (last) `width` frames goes on.

    Attributes:
        of: the feature.
        width: frames that the polynomial is fitted to; odd, at least 3.
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
                "make it smaller, or the window longer"
            )

    @property
    def channels(self) -> int:  # type: ignore[override]
        return self.of.channels

    @property
    def context(self) -> tuple[int, int]:  # type: ignore[override]
        # within the clip half of `width` on either side; the first and the last frames look at `width` of them
        before, after = self.of.context
        return before + self.width - 1, after + self.width - 1

    @property
    def whole_utterance(self) -> bool:  # type: ignore[override]
        return self.of.whole_utterance

    @property
    def host(self) -> bool:  # type: ignore[override]
        return self.of.host

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        rows = signal.feature(self.of)
        return jnp.asarray(_slopes(signal.framing.frames, self.width, self.order)) @ rows


@FEATURES.register("delta_delta")
@dataclass(frozen=True)
class DeltaDelta(Delta):
    """The curvature of another feature, twice the quadratic term of a parabola through `width` frames, per frame².

    `librosa.feature.delta(of, width=width, order=2)`, as `delta` is.
    """

    order: ClassVar[int] = 2


@functools.cache
def _slopes(frames: int, width: int, order: int) -> Float[np.ndarray, "frames frames"]:
    import scipy.signal  # half of the time that importing the features would take

    # the filter is linear, so its matrix is what it makes of the unit matrix
    matrix = scipy.signal.savgol_filter(np.eye(frames), width, polyorder=order, deriv=order, axis=0, mode="interp")
    return np.asarray(matrix, np.float32)
