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
    pairs = areas.paired(judged, resampling)
    of_classes = [of_class.area() for of_class in pairs]
    known = [area for area in of_classes if area is not None]
    headline["roc_auc"] = np.array(np.mean(known) if known else np.nan)
    spread["roc_auc"] = areas.resampled(pairs, resampling)
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
    columns = {
        "precision": metrics.precisions(judged.counts),
        "recall": metrics.recalls(judged.counts),
        "f1": metrics.f1s(judged.counts),
    }
    counts, spread, classes = judged.counts.sum(axis=1), metrics.recalls(resampled), {}
    for index, emotion in enumerate(judged.emotions):
        recall = columns["recall"][index]
        classes[emotion] = {
            **{name: _number(column[index]) for name, column in columns.items()},
            "recall_interval": resampling.interval(float(recall), spread[:, index]) if counts[index] else None,
            "roc_auc": of_classes[index],
            "clips": int(counts[index]),
        }
    means = {name: column[counts > 0] for name, column in columns.items()}
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
