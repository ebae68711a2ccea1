"""Every figure of an evaluation, as plain data: what `evaluation/metrics.json` holds of the clips."""

from typing import Any

import numpy as np

from aersut import metrics
from aersut.evaluation import areas, calibration
from aersut.evaluation.breakdown import breakdown, mistakes
from aersut.evaluation.intervals import Resampling
from aersut.evaluation.judged import Judged

LEAST = {"kappa": -1.0}
"""The figures that can be under 0."""


def figures(judged: Judged) -> dict[str, Any]:
    """WA, UAR, F1, kappa, ROC-AUC and calibration with intervals, per class and broken down; null where there is none.

    A class without clips counts in no mean. `missing` says in words what could not be computed, and why.
    """
    counts, resampling = judged.counts, Resampling.of(judged.speakers)
    resampled = resampling.totals((judged.labels, judged.predictions), counts.shape)
    headline, spread = metrics.figures(counts), metrics.figures(resampled)
    bins = calibration.binned(judged)
    headline["ece"] = calibration.ece(bins)
    spread["ece"] = calibration.ece(calibration.resampled(judged, resampling))
    of_classes = areas.areas(judged)
    known = [area for area in of_classes if area is not None]
    headline["roc_auc"] = np.array(np.mean(known) if known else np.nan)
    spread["roc_auc"] = areas.resampled(judged, resampling)
    return {
        **{name: _number(value) for name, value in headline.items()},
        "intervals": {
            name: resampling.interval(float(value), spread[name], LEAST.get(name, 0.0))
            for name, value in headline.items()
        },
        "clips": len(judged),
        "speakers": resampling.speakers,
        **_classes(judged, resampling, resampled, of_classes),
        "emotions": list(judged.emotions),
        "confusion": counts.tolist(),
        "confusion_shares": [[_number(share) for share in row] for row in _shares(counts)],
        "reliability": [
            {"clips": int(clips), "confidence": float(sure / clips), "accuracy": float(right / clips)}
            for clips, sure, right in bins
            if clips
        ],
        "breakdown": breakdown(judged),
        "mistakes": mistakes(judged),
        "missing": _missing(judged, resampling),
    }


def _classes(
    judged: Judged, resampling: Resampling, resampled: np.ndarray, of_classes: list[float | None]
) -> dict[str, Any]:
    """The classification report."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(
        judged.labels, judged.predictions, labels=range(len(judged.emotions)), zero_division=0
    )
    spread, classes = metrics.recalls(resampled), {}
    for index, (emotion, precision, recall, f1, clips) in enumerate(zip(judged.emotions, *columns, strict=True)):
        classes[emotion] = {
            "precision": float(precision),
            "recall": float(recall) if clips else None,
            "recall_interval": resampling.interval(float(recall), spread[:, index]) if clips else None,
            "f1": float(f1) if clips else None,
            "roc_auc": of_classes[index],
            "clips": int(clips),
        }
    counts = judged.counts.sum(axis=1)
    means = {name: column[counts > 0] for name, column in zip(("precision", "recall", "f1"), columns, strict=False)}
    return {
        "classes": classes,
        "averages": {
            "macro": {name: float(np.mean(column)) for name, column in means.items()},
            "weighted": {name: float(np.average(c, weights=counts[counts > 0])) for name, c in means.items()},
        },
    }


def _shares(counts: np.ndarray) -> np.ndarray:
    support = counts.sum(axis=1, keepdims=True)
    return np.where(support > 0, counts / np.maximum(support, 1), np.nan)


def _missing(judged: Judged, resampling: Resampling) -> list[str]:
    support = judged.counts.sum(axis=1)
    absent = [emotion for emotion, clips in zip(judged.emotions, support, strict=True) if not clips]
    lines = []
    if absent:
        lines.append(f"no clip of {', '.join(absent)}: the means run over the other classes.")
    if resampling.speakers == 1:
        lines.append("one speaker only: no intervals, for nothing is known of how speakers differ.")
    return lines


def _number(value: Any) -> float | None:
    """A float that JSON can hold; None for NaN."""
    return float(value) if np.isfinite(value) else None
