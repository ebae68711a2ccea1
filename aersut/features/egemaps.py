"""eGeMAPS by openSMILE, an example of a feature that JAX cannot trace."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from aersut.contracts import Feature, Framing
from aersut.features.signal import Signal
from aersut.registry import FEATURES

CENTERS = {
    0.03: ("F0semitone", "HNR", "logRelF0", "F1amplitude", "F2amplitude", "F3amplitude"),
    0.0: ("jitter", "shimmer"),
}
"""Beginnings of the names of descriptors by the center of their first row in s. Those of pitch and harmonics have
frames of 60 ms; jitter and shimmer are of the periods around the beginning of a frame (measured, to 10 ms)."""
CENTER = 0.01
"""Center in s of the first row of the other descriptors, which have frames of 20 ms."""


@FEATURES.register("egemaps")
@dataclass(frozen=True)
class EGeMAPS(Feature):
    """eGeMAPS v02 (Eyben et al. 2016): 25 low-level descriptors, computed by openSMILE on the host.

    openSMILE has its own frames, one per 10 ms, whose length depends on the descriptor. Each frame of the experiment
    gets the value of each descriptor in the openSMILE frame with the nearest center. Requires the package `opensmile`
    (`pip install 'aersut[opensmile]'`), whose license covers research only.
    """

    channels = 25
    whole_utterance = True  # openSMILE smooths over time
    host = True

    def check(self, framing: Framing) -> None:
        # imported here, before anything imports TensorFlow: loaded after it, openSMILE 2.6 crashes (November 2026)
        try:
            import opensmile  # noqa: F401
        except ModuleNotFoundError:
            raise ValueError("egemaps needs the package opensmile: pip install 'aersut[opensmile]'") from None
        if framing.seconds < 0.1:
            raise ValueError(f"egemaps needs windows of 0.1 s or more, got {framing.seconds} s")

    def __call__(self, signal: Signal) -> Float[np.ndarray, "frames channels"]:
        framing = signal.framing
        table = _smile().process_signal(np.asarray(signal.samples, np.float32), framing.sample_rate)
        rows = table.to_numpy(np.float32)
        first = 0 if framing.center else framing.frame_length / 2
        middles = (first + framing.hop_length * np.arange(framing.frames)) / framing.sample_rate
        hop = (framing.sample_rate + 50) // 100  # openSMILE rounds 10 ms to whole samples: 221 at 22,050 Hz
        offsets = np.array([_center(name) for name in table.columns])
        nearest = np.rint((middles[:, np.newaxis] - offsets) * framing.sample_rate / hop)
        nearest = np.clip(nearest, 0, len(rows) - 1).astype(int)
        return np.nan_to_num(np.take_along_axis(rows, nearest, axis=0))


def _center(name: str) -> float:
    """The center in s of the first row of a descriptor."""
    return next((center for center, beginnings in CENTERS.items() if name.startswith(beginnings)), CENTER)


@functools.cache
def _smile() -> Any:
    import opensmile

    return opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.LowLevelDescriptors
    )
