"""AERSUT: small networks that hear emotion in a voice, trained in JAX and shipped to microcontrollers."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from aersut.serving.recognizer import Recognizer

__version__ = "0.1.0"


def load(path: "str | Path") -> "Recognizer":
    """Load a network to hear with: `load("runs/x")("clip.wav").emotion`. See `aersut.serving.recognizer.load`."""
    from aersut.serving import recognizer

    return recognizer.load(path)
