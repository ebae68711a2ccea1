"""Predictions without a network."""

from pathlib import Path

import numpy as np

from aersut.contracts import Clip
from aersut.evaluation.predictions import ClipPredictions

EMOTIONS = ("sad", "happy", "angry", "fear")


def predictions_of(labels, probabilities, speakers=None, emotions=EMOTIONS, **about):
    """Predictions on clips with numbered paths; `about` holds further fields of the clips as lists."""
    speakers = speakers or ["1"] * len(labels)
    clips = tuple(
        Clip(Path(f"clip{n}.wav"), emotions[label], speaker, "made", **{key: value[n] for key, value in about.items()})
        for n, (label, speaker) in enumerate(zip(labels, speakers, strict=True))
    )
    return ClipPredictions(clips, np.array(labels), np.array(probabilities, np.float32), emotions)


def random_predictions(rng, clips=200, speakers=5, classes=4, skill=1.0):
    """Predictions that are better than chance."""
    labels = rng.integers(0, classes, clips)
    logits = rng.normal(size=(clips, classes))
    logits[np.arange(clips), labels] += skill
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    emotions = EMOTIONS[:classes]
    return predictions_of(labels.tolist(), probabilities, [str(s) for s in rng.integers(0, speakers, clips)], emotions)
