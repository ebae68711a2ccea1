"""AERSUT: small speech emotion recognition (SER) models, trained in JAX and deployed on microcontrollers."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from aersut.serving.recognizer import Recognizer

__version__ = "0.1.0"


def load(path: "str | Path", min_confidence: float = 0.0) -> "Recognizer":
    """Load a speech emotion classifier: a model of the zoo by its name, an exported .tflite file or a run folder.

    Below `min_confidence`, 0 to 1, an emotion is "uncertain". `aersut.serving.recognizer.load` describes the arguments
    and lists the errors.

        recognizer = aersut.load("micro_speech")  # or "runs/x/export/model_int8.tflite"
        prediction = recognizer("clip.wav")
        prediction.emotion, prediction.confidence  # ("happy", 0.82)
    """
    from aersut.serving import recognizer

    return recognizer.load(path, min_confidence)
