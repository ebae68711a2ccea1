"""eGeMAPS by openSMILE, an example of a feature that JAX cannot trace."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from aersut.contracts import Feature, Framing
from aersut.features.signal import Signal
from aersut.registry import FEATURES

STEP = 0.01
"""Hop of openSMILE's frames in s."""


@FEATURES.register("egemaps")
@dataclass(frozen=True)
class EGeMAPS(Feature):
    """eGeMAPS v02 (Eyben et al. 2016): 25 low-level descriptors, computed by openSMILE on the host.

    openSMILE has its own frames, one per 10 ms. Each frame of the experiment gets the openSMILE frame nearest to its
    center. Requires the package `opensmile` (`pip install 'aersut[opensmile]'`), whose license covers research only.
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
        rows = _smile().process_signal(np.asarray(signal.samples, np.float32), framing.sample_rate).to_numpy(np.float32)
        first = 0 if framing.center else framing.frame_length / 2
        middles = (first + framing.hop_length * np.arange(framing.frames)) / framing.sample_rate
        nearest = np.clip(np.rint(middles / STEP), 0, len(rows) - 1).astype(int)
        return np.nan_to_num(rows[nearest])


@functools.cache
def _smile() -> Any:
    import opensmile

    return opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.LowLevelDescriptors
    )
