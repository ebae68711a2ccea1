"""All metrics of some predictions as plain data: the part of `evaluation/metrics.json` that describes the clips."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from aersut import metrics
from aersut.contracts import UNKNOWN
from aersut.evaluation.groups import confident_misclassifications, results_by_group
from aersut.evaluation.intervals import MIN_SPEAKERS, RESAMPLES, Resampling, bootstrap_means
from aersut.evaluation.predictions import ClipPredictions
from aersut.evaluation.roc_auc import class_pairs, resampled_roc_auc
from aersut.texts import counted

BINS = 15
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Minimum confidences of `rejection`."""
LEAST = {"kappa": -1.0}
"""Lower bounds of the metrics that can be negative."""
MACRO = ("uar", "macro_f1", "roc_auc")
"""Means over the classes, which are as uncertain as the class with the fewest speakers."""


def metric_report(predictions: ClipPredictions) -> dict[str, Any]:
    """WA, UAR, F1, kappa, ROC-AUC and ECE with 95 % intervals; results by class and by group; the confusion matrix.

    A metric that is undefined is None. UAR is the mean over the classes that have clips; macro precision, recall and F1
    are scikit-learn's, which also include a class that is predicted without having clips, as 0. `notes` says what could
    not be computed, and why.
    """
    confusion, resampling = predictions.confusion, Resampling.of(predictions.speakers)
    resampled = resampling.totals((predictions.labels, predictions.predicted), confusion.shape)
    headline, headline_resampled = metrics.headline_metrics(confusion), metrics.headline_metrics(resampled)
    [bins] = _calibration_bins(predictions, Resampling.of([""] * len(predictions), resamples=1))  # all clips once
    headline["ece"] = _ece(bins)
    headline_resampled["ece"] = _ece(_calibration_bins(predictions, resampling))
    pairs = class_pairs(predictions, resampling)
    areas = [of_class.area() for of_class in pairs]
    known = [area for area in areas if area is not None]
    headline["roc_auc"] = np.array(np.mean(known) if known else np.nan)
    headline_resampled["roc_auc"] = resampled_roc_auc(pairs, resampling)
    return {
        **{name: _number(value) for name, value in headline.items()},
        "intervals": {
            name: resampling.interval(
                float(value),
                headline_resampled[name],
                LEAST.get(name, 0.0),
                speakers=resampling.uar_speakers(predictions.labels) if name in MACRO else None,
            )
            for name, value in headline.items()
        },
        "clips": len(predictions),
        "speakers": resampling.speakers,
        "bootstrap_means": min(RESAMPLES, bootstrap_means(resampling.speakers)),
        **_classification_report(predictions, resampling, resampled, areas),
        "emotions": list(predictions.emotions),
        "confusion": confusion.tolist(),
        "confusion_normalized": [
            [count / sum(row) if any(row) else None for count in row] for row in confusion.tolist()
        ],
        "reliability": [
            {"clips": int(clips), "confidence": float(confidence / clips), "accuracy": float(correct / clips)}
            for clips, confidence, correct in bins
            if clips
        ],
        "rejection": rejection(predictions),
        "groups": results_by_group(predictions),
        "misclassifications": confident_misclassifications(predictions),
        "notes": _notes(predictions, resampling),
    }


def calibration_error(confidences: Float[np.ndarray, " clips"], correct: Bool[np.ndarray, " clips"]) -> float:
    """Expected calibration error (ECE), 0 to 1, of predictions with these confidences.

    >>> calibration_error(np.array([0.9, 0.9, 0.9, 0.9]), np.array([True, True, False, False]))
    0.4
    """
    return float(_ece(_bins(confidences, correct, Resampling.of([""] * len(correct), resamples=1))[0]))


def _calibration_bins(predictions: ClipPredictions, resampling: Resampling) -> Float[np.ndarray, "resamples bins 3"]:
    """Clips, sum of confidences and correct predictions in confidence bins of equal width, in each bootstrap sample."""
    return _bins(predictions.confidences, predictions.correct, resampling)


def _bins(
    confidences: Float[np.ndarray, " clips"], correct: Bool[np.ndarray, " clips"], resampling: Resampling
) -> Float[np.ndarray, "resamples bins 3"]:
    # a confidence on the edge of two bins belongs to the lower bin, as in (0.8, 0.9], in its own precision: as a double
    # precision number, the 0.8 of single precision is above 0.8
    bins = np.clip(np.ceil(confidences * confidences.dtype.type(BINS)).astype(int) - 1, 0, BINS - 1)
    confidences = confidences.astype(np.float64)
    columns = (np.ones(len(bins)), confidences, correct.astype(np.float64))
    return np.stack([resampling.totals((bins,), (BINS,), column) for column in columns], axis=-1)


def _ece(bins: Float[np.ndarray, "*batch bins 3"]) -> Float[np.ndarray, "*batch"]:
    """Expected calibration error, 0 to 1: the mean of |accuracy - confidence| over bins, weighted by their clips.

    The confidence is that of the predicted class, in 15 bins of equal width (Guo et al. 2017).
    """
    return np.abs(bins[..., 2] - bins[..., 1]).sum(axis=-1) / bins[..., 0].sum(axis=-1)


def rejection(predictions: ClipPredictions) -> list[dict[str, float | None]]:
    """Fraction of the clips that reach each confidence, and their WA: what `min_confidence` of a prediction does."""
    rows: list[dict[str, float | None]] = []
    for threshold in THRESHOLDS:
        kept = predictions.confidences >= threshold
        wa = float(predictions.correct[kept].mean()) if kept.any() else None
        rows.append({"min_confidence": threshold, "fraction": float(kept.mean()), "wa": wa})
    return rows


def _classification_report(
    predictions: ClipPredictions, resampling: Resampling, resampled: np.ndarray, areas: list[float | None]
) -> dict[str, Any]:
    """Metrics of each class, and their macro and weighted means."""
    confusion = predictions.confusion
    metric_of = {"precision": metrics.precisions, "recall": metrics.recalls, "f1": metrics.f1s}
    columns = {name: metric(confusion) for name, metric in metric_of.items()}
    support, resampled_recalls, classes = confusion.sum(axis=1), metrics.recalls(resampled), {}
    speakers = _class_speakers(predictions, resampling)
    for index, emotion in enumerate(predictions.emotions):
        recall, recalls = float(columns["recall"][index]), resampled_recalls[:, index]
        classes[emotion] = {
            **{name: _number(column[index]) for name, column in columns.items()},
            "recall_interval": resampling.interval(recall, recalls, speakers=speakers[index]),
            "roc_auc": areas[index],
            "clips": int(support[index]),
            "speakers": speakers[index],
        }
    known = support + confusion.sum(axis=0) > 0  # scikit-learn's classes
    means = {name: np.nan_to_num(column[known]) for name, column in columns.items()}
    return {
        "classes": classes,
        "averages": {
            "macro": {name: float(np.mean(column)) for name, column in means.items()},
            "weighted": {name: float(np.average(column, weights=support[known])) for name, column in means.items()},
        },
    }


def _class_speakers(predictions: ClipPredictions, resampling: Resampling) -> list[int]:
    """Number of speakers with clips of each class."""
    return [
        len(np.unique(resampling.owners[predictions.labels == index])) for index in range(len(predictions.emotions))
    ]


def _notes(predictions: ClipPredictions, resampling: Resampling) -> list[str]:
    lines = []
    if absent := [name for index, name in enumerate(predictions.emotions) if index not in predictions.labels]:
        lines.append(
            f"no clip of {', '.join(absent)}: UAR is the mean over the other classes; the macro means count such a "
            "class as 0 where it is predicted, as scikit-learn does."
        )
    if unknown := sum(clip.speaker == UNKNOWN for clip in predictions.clips):
        lines.append(f"{counted(unknown, 'clip')} of unknown speakers count as one speaker in the intervals.")
    speakers, means = resampling.speakers, bootstrap_means(resampling.speakers)
    if speakers < MIN_SPEAKERS:
        lines.append(
            f"too few speakers for intervals: {speakers}, at least {MIN_SPEAKERS} are needed. A bootstrap over "
            f"{speakers} has at most {means} distinct mean{'s' if means > 1 else ''}."
        )
        return lines
    if means < RESAMPLES:
        lines.append(f"the intervals are of {speakers} speakers, whose bootstrap has at most {means} distinct means.")
    few = {
        name: count
        for name, count in zip(predictions.emotions, _class_speakers(predictions, resampling), strict=True)
        if 0 < count < MIN_SPEAKERS
    }
    if few:
        named = ", ".join(f"{name} ({count})" for name, count in few.items())
        lines.append(
            f"too few speakers for an interval of the recall of {named}, and therefore of UAR, macro F1 and ROC-AUC."
        )
    return lines


def _number(value: Any) -> float | None:
    """A float that JSON can hold; None for NaN."""
    return float(value) if np.isfinite(value) else None
