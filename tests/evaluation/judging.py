"""Verdicts to work on, without a network."""

from pathlib import Path

import numpy as np

from aersut.contracts import Clip
from aersut.evaluation.judged import Judged

EMOTIONS = ("sad", "happy", "angry", "fear")


def judged(labels, probabilities, speakers=None, emotions=EMOTIONS, **about):
    """A verdict on clips whose paths count them; `about` gives a clip's other fields as lists."""
    speakers = speakers or ["1"] * len(labels)
    clips = tuple(
        Clip(Path(f"clip{n}.wav"), emotions[label], speaker, "made", **{key: value[n] for key, value in about.items()})
        for n, (label, speaker) in enumerate(zip(labels, speakers, strict=True))
    )
    return Judged(clips, np.array(labels), np.array(probabilities, np.float32), emotions)


def random_verdict(rng, clips=200, speakers=5, classes=4, skill=1.0):
    """Verdicts that are right more often than chance."""
    labels = rng.integers(0, classes, clips)
    logits = rng.normal(size=(clips, classes))
    logits[np.arange(clips), labels] += skill
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    emotions = EMOTIONS[:classes]
    return judged(labels.tolist(), probabilities, [str(s) for s in rng.integers(0, speakers, clips)], emotions)
