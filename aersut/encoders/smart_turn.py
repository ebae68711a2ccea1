"""The encoder of the Smart Turn end-of-turn detector."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from aersut import matrices
from aersut.contracts import Encoder
from aersut.encoders.onnx import file_digest, packaged_file, session
from aersut.errors import require
from aersut.registry import ENCODERS

FILE = "audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"
RATE, SECONDS = 16_000, 8
FRAME, HOP, BANDS = 400, 160, 80
"""Whisper's log-mel spectrogram; two of its frames are one of the encoder's."""


@ENCODERS.register("smart_turn")
@dataclass(frozen=True)
class SmartTurn(Encoder):
    """The encoder of Smart Turn 3.2, a fine-tuned Whisper tiny: outputs of its 9 normalization layers, 50 frames per s.

    It reads the last 8 s of a recording. Requires the package `pipecat-ai` 1.14, which contains the model.

    Attributes:
        layers: indices of the normalization layers, 0 to 8, whose 384 channels each are concatenated.
    """

    layers: tuple[int, ...] = (2, 4, 6)

    provenance = (
        "Smart Turn 3.2 (pipecat-ai 1.14, BSD 2-Clause), an end-of-turn detector: the encoder of Whisper tiny (Radford "
        "et al. 2023), fine-tuned on synthetic and human speech of 23 languages"
    )

    def __post_init__(self) -> None:
        if not self.layers or not set(self.layers) <= set(range(9)):
            raise ValueError(f"layers must be indices from 0 to 8, got {self.layers}")

    def fingerprint(self) -> str:
        return file_digest(_file())

    def check(self) -> None:
        _file()
        require("encoder 'smart_turn' needs the package", "smart-turn", "onnx")

    def __call__(self, samples: Float[np.ndarray, " samples"]) -> Float[np.ndarray, "frames width"]:
        running = session(_file(), "LayerNormalization", self.layers)
        last = samples[-SECONDS * RATE :]
        layers = running.run(None, {"input_features": _log_mel(last)[None]})
        frames = max(1, round(len(last) / (2 * HOP)))  # the rest is the padding before the recording
        return np.concatenate([layer[0, -frames:] for layer in layers], axis=1)


def _file() -> Path:
    return packaged_file("pipecat", FILE, "smart_turn", "smart-turn")


def _log_mel(samples: Float[np.ndarray, " samples"]) -> Float[np.ndarray, "bands frames"]:
    """Whisper's log-mel spectrogram of 8 s: zeros, then the samples, standardized together."""
    padded = np.pad(samples.astype(np.float32), (SECONDS * RATE - len(samples), 0))
    padded = (padded - padded.mean()) / np.sqrt(padded.var() + 1e-7)
    around = np.pad(padded, FRAME // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(around, FRAME)[::HOP][:-1]
    power = np.square(np.abs(np.fft.rfft(frames * matrices.hann(FRAME), axis=1)))
    found = np.log10(np.maximum(matrices.mel_filters(RATE, FRAME, BANDS, 0.0, RATE / 2) @ power.T, 1e-10))
    return ((np.maximum(found, found.max() - 8) + 4) / 4).astype(np.float32)
