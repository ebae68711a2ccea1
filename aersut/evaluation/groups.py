"""Results by group (corpus, sex, age, race, intensity, speaker) and the most confident misclassifications."""

from collections.abc import Callable
from typing import Any

import numpy as np

from aersut import metrics
from aersut.contracts import Clip
from aersut.evaluation.intervals import Resampling
from aersut.evaluation.predictions import ClipPredictions
from aersut.texts import printable

MISCLASSIFICATIONS = 20
GROUPINGS: dict[str, Callable[[Clip], str]] = {
    "corpus": lambda clip: clip.corpus,
    "sex": lambda clip: clip.sex,
    "age": lambda clip: clip.age,
    "race": lambda clip: clip.race,
    "intensity": lambda clip: clip.intensity,
    "speaker": lambda clip: clip.speaker_id,
}
UNKNOWN = "unknown"


def results_by_group(predictions: ClipPredictions) -> dict[str, dict[str, dict[str, Any]]]:
    """Clips, speakers, emotions, WA, UAR and its 95 % interval of each group of clips, the lowest UAR first.

    UAR of groups with different emotions, such as corpora, cannot be compared: fewer emotions are easier. The
    clips are grouped by corpus, sex, age, race, intensity and speaker. A property that no clip has is omitted; a clip
    without a property that others have is in the group "unknown".
    """
    results = {}
    for grouping, group_of in GROUPINGS.items():
        names = np.array([group_of(clip) or UNKNOWN for clip in predictions.clips])
        if set(names) == {UNKNOWN}:
            continue
        rows = {str(name): _group_result(predictions.subset(names == name)) for name in sorted(set(names))}
        results[grouping] = dict(sorted(rows.items(), key=lambda item: item[1]["uar"]))
    return results


def confident_misclassifications(predictions: ClipPredictions, most: int = MISCLASSIFICATIONS) -> list[dict[str, Any]]:
    """The misclassified clips with the highest confidence, at most `most`, in descending order of confidence."""
    wrong = np.flatnonzero(~predictions.correct)
    order = wrong[np.argsort(-predictions.confidences[wrong], kind="stable")][:most]
    return [
        {
            # text that JSON and HTML can hold; bytes that are not UTF-8 are escaped
            "path": printable(predictions.clips[row].location),
            "speaker": predictions.clips[row].speaker_id,
            "true": predictions.emotions[predictions.labels[row]],
            "predicted": predictions.emotions[predictions.predicted[row]],
            "confidence": float(predictions.confidences[row]),
            "probability_of_true": float(predictions.probabilities[row, predictions.labels[row]]),
        }
        for row in order
    ]


def _group_result(predictions: ClipPredictions) -> dict[str, Any]:
    confusion, resampling = predictions.confusion, Resampling.of(predictions.speakers)
    uar, interval = resampling.uar_with_interval(predictions.labels, predictions.predicted, len(confusion))
    return {
        "clips": len(predictions),
        "speakers": resampling.speakers,
        "emotions": int(np.count_nonzero(confusion.sum(axis=1))),
        "wa": metrics.wa(confusion),
        "uar": uar,
        "uar_interval": interval,
    }
