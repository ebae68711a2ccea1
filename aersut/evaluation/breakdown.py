"""Of whom a model knows how much: figures by corpus, sex, speaker and intensity, and where it errs most surely."""

from collections.abc import Callable
from typing import Any

import numpy as np

from aersut import metrics
from aersut.contracts import Clip
from aersut.evaluation.intervals import Resampling
from aersut.evaluation.judged import Judged

MISTAKES = 20
KEYS: dict[str, Callable[[Clip], str]] = {
    "corpus": lambda clip: clip.corpus,
    "sex": lambda clip: clip.sex,
    "intensity": lambda clip: clip.intensity,
    "speaker": lambda clip: clip.speaker_id,
}
UNKNOWN = "unknown"


def breakdown(judged: Judged) -> dict[str, dict[str, dict[str, Any]]]:
    """Clips, speakers, WA, UAR and its interval of each corpus, sex, intensity and speaker; the lowest UAR first.

    What no clip says is left out; clips that do not say it while others do are "unknown".
    """
    groups = {}
    for key, of in KEYS.items():
        names = np.array([of(clip) or UNKNOWN for clip in judged.clips])
        if set(names) == {UNKNOWN}:
            continue
        rows = {str(name): _row(judged.where(names == name)) for name in sorted(set(names))}
        groups[key] = dict(sorted(rows.items(), key=lambda item: item[1]["uar"]))
    return groups


def mistakes(judged: Judged, most: int = MISTAKES) -> list[dict[str, Any]]:
    """The clips that it is surest of and wrong about, with their files."""
    wrong = np.flatnonzero(~judged.right)
    order = wrong[np.argsort(-judged.confidences[wrong], kind="stable")][:most]
    return [
        {
            "path": path(judged.clips[row]),
            "speaker": judged.clips[row].speaker_id,
            "emotion": judged.emotions[judged.labels[row]],
            "heard_as": judged.emotions[judged.predictions[row]],
            "probability": float(judged.confidences[row]),
            "probability_of_emotion": float(judged.probabilities[row, judged.labels[row]]),
        }
        for row in order
    ]


def path(clip: Clip) -> str:
    """A clip's path as text that JSON and HTML can hold; what is no UTF-8 is escaped."""
    return str(clip.path).encode("utf-8", "backslashreplace").decode()


def _row(judged: Judged) -> dict[str, Any]:
    counts, resampling = judged.counts, Resampling.of(judged.speakers)
    uar = metrics.uar(counts)
    interval = None
    if resampling.speakers > 1:
        resampled = resampling.totals((judged.labels, judged.predictions), counts.shape)
        interval = resampling.interval(uar, metrics.figures(resampled)["uar"])
    return {
        "clips": len(judged),
        "speakers": resampling.speakers,
        "wa": metrics.wa(counts),
        "uar": uar,
        "uar_interval": interval,
    }
