"""The encoder of the Moonshine speech recognizer."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from aersut.contracts import Encoder
from aersut.encoders.onnx import file_digest, packaged_file, session
from aersut.registry import ENCODERS

SHORTEST = 16_000
"""Samples to which a shorter recording is padded."""


@ENCODERS.register("moonshine")
@dataclass(frozen=True)
class Moonshine(Encoder):
    """The encoder of Moonshine tiny, an English speech recognizer (Jeffries et al. 2024).

    288 channels, 42 frames per s.

    Requires the package `moonshine-voice` 0.0.44, which contains the encoder (later versions download it).
    """

    provenance = (
        "Moonshine tiny (moonshine-voice 0.0.44, MIT), an English speech recognizer; training data as described in "
        "arXiv:2410.15608"
    )

    def fingerprint(self) -> str:
        return file_digest(_file())

    def check(self) -> None:
        _file()

    def __call__(self, samples: Float[np.ndarray, " samples"]) -> Float[np.ndarray, "frames width"]:
        running = session(_file())
        padded = np.pad(samples.astype(np.float32), (0, max(0, SHORTEST - len(samples))))[None]
        inputs = {"input_values": padded, "attention_mask": np.ones(padded.shape, np.int64)}
        found: Float[np.ndarray, "frames width"] = running.run(None, inputs)[0][0]
        return found


def _file() -> Path:
    return packaged_file("moonshine_voice", "assets/tiny-en/encoder_model.ort", "moonshine", "teachers")
