"""TensorFlow Lite Micro's own audio frontend as a feature: the peer of `pcen` in `benchmarks/robustness.py`.

It is the frontend of wake-word models such as micro_speech and microWakeWord, from the package pymicro-features: 30 ms
frames every 10 ms at 16 kHz, 40 mel bands, spectral subtraction of noise, PCAN gain control and a logarithm.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from aersut.contracts import Feature, Framing
from aersut.data.audio import to_int16
from aersut.features import Signal
from aersut.registry import FEATURES

FRAMING = Framing(sample_rate=16_000, seconds=3.0, frame_length=480, hop_length=160, center=False)


@FEATURES.register("micro_frontend")
@dataclass(frozen=True)
class MicroFrontend(Feature):
    """TensorFlow Lite Micro's audio frontend with its default settings."""

    channels = 40
    host = True
    spectrogram = True

    def check(self, framing: Framing) -> None:
        parts = ("sample_rate", "frame_length", "hop_length", "center")
        if any(getattr(framing, part) != getattr(FRAMING, part) for part in parts):
            raise ValueError("frames must have 480 samples every 160 at 16,000 Hz, and must not be centered")

    def __call__(self, signal: Signal) -> Float[np.ndarray, "frames channels"]:
        import pymicro_features  # in the extra "dev"

        frontend, rows = pymicro_features.MicroFrontend(), []
        content = to_int16(np.array(signal.samples)).tobytes()
        while len(content) >= 2 * FRAMING.hop_length:
            frame = frontend.process_samples(content[: 2 * FRAMING.hop_length])
            content = content[2 * frame.samples_read :]
            if frame.features:
                rows.append(frame.features)
        return np.array(rows, np.float32)
