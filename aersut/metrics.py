"""The figures of a classifier, all derived from its confusion matrix; equal to scikit-learn's."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int


def confusion(
    labels: Int[np.ndarray, " clips"], predictions: Int[np.ndarray, " clips"], classes: int
) -> Int[np.ndarray, "classes classes"]:
    """Counts of clips by true class (row) and predicted class (column)."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predictions), 1)
    return counts


def recalls(counts: Int[np.ndarray, "classes classes"]) -> Float[np.ndarray, " classes"]:
    """The share of each class's clips that are found, 0 to 1; NaN for a class without clips."""
    support = counts.sum(axis=1)
    return np.where(support > 0, np.diag(counts) / np.maximum(support, 1), np.nan)


def uar(counts: Int[np.ndarray, "classes classes"]) -> float:
    """Unweighted average recall, the mean of the recalls of the classes present, 0 to 1."""
    return float(np.nanmean(recalls(counts)))


def wa(counts: Int[np.ndarray, "classes classes"]) -> float:
    """Weighted accuracy: plain accuracy, 0 to 1."""
    return float(np.trace(counts) / counts.sum())


def summary(counts: Int[np.ndarray, "classes classes"], emotions: Sequence[str]) -> dict[str, Any]:
    """WA, UAR and per class precision, recall, F1 and clips (null without clips, precision 0 where never said)."""
    per_class = {}
    for index, (emotion, recall) in enumerate(zip(emotions, recalls(counts), strict=True)):
        hits, said, support = counts[index, index], counts[:, index].sum(), counts[index].sum()
        per_class[emotion] = {
            "precision": float(hits / said) if said else 0.0,
            "recall": float(recall) if support else None,
            "f1": float(2 * hits / (said + support)) if support else None,
            "clips": int(support),
        }
    return {
        "wa": wa(counts),
        "uar": uar(counts),
        "clips": int(counts.sum()),
        "classes": per_class,
        "emotions": list(emotions),
        "confusion": counts.tolist(),
    }
