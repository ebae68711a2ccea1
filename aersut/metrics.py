"""Classification metrics that follow from a confusion matrix; equal to scikit-learn's.

They are implemented here for two reasons: a bootstrap interval needs them for thousands of resampled matrices at once,
and importing scikit-learn takes a second.
"""

import numpy as np
from jaxtyping import Float, Int


def confusion(
    labels: Int[np.ndarray, " clips"], predictions: Int[np.ndarray, " clips"], classes: int
) -> Int[np.ndarray, "classes classes"]:
    """Confusion matrix: counts of clips by true class (row) and predicted class (column)."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predictions), 1)
    return counts


def recalls(counts: Int[np.ndarray, "*batch classes classes"]) -> Float[np.ndarray, "*batch classes"]:
    """Recall of each class, 0 to 1; NaN for a class without clips."""
    support = counts.sum(axis=-1)
    return np.where(support > 0, _hits(counts) / np.maximum(support, 1), np.nan)


def precisions(counts: Int[np.ndarray, "*batch classes classes"]) -> Float[np.ndarray, "*batch classes"]:
    """Precision of each class, 0 to 1; 0 for a class that is never predicted."""
    return np.asarray(_hits(counts) / np.maximum(counts.sum(axis=-2), 1))


def f1s(counts: Int[np.ndarray, "*batch classes classes"]) -> Float[np.ndarray, "*batch classes"]:
    """F1 of each class, the harmonic mean of precision and recall, 0 to 1.

    0 for a class that is predicted but has no clip; NaN for one that is neither.
    """
    both = counts.sum(axis=-1) + counts.sum(axis=-2)
    return np.where(both > 0, 2 * _hits(counts) / np.maximum(both, 1), np.nan)


def headline_metrics(counts: Int[np.ndarray, "*batch classes classes"]) -> dict[str, Float[np.ndarray, "*batch"]]:
    """The headline metrics of one confusion matrix, or of each matrix of a batch.

    Returns:
        wa: weighted accuracy, that is, plain accuracy, 0 to 1.
        uar: unweighted average recall, the mean recall of the classes that have clips, 0 to 1.
        macro_f1: the mean F1 of the classes that have clips or are predicted, 0 to 1: as in scikit-learn, the F1 of a
            class that is predicted but has no clip is 0.
        weighted_f1: the mean F1 of the classes, weighted by their clips, 0 to 1.
        kappa: Cohen's kappa, the agreement beyond chance, -1 to 1; NaN where the agreement by chance is 1.
    """
    support, predicted, total = counts.sum(axis=-1), counts.sum(axis=-2), counts.sum(axis=(-2, -1))
    wa = _hits(counts).sum(axis=-1) / total
    chance = (support * predicted).sum(axis=-1) / np.square(total, dtype=np.float64)
    f1 = f1s(counts)
    return {
        "wa": wa,
        "uar": np.nanmean(recalls(counts), axis=-1),
        "macro_f1": np.nanmean(f1, axis=-1),
        "weighted_f1": np.nansum(f1 * support, axis=-1) / total,
        "kappa": np.where(chance < 1, (wa - chance) / np.where(chance < 1, 1 - chance, 1), np.nan),
    }


def uar(counts: Int[np.ndarray, "classes classes"]) -> float:
    """Unweighted average recall (UAR): the mean recall of the classes present, 0 to 1.

    >>> uar(np.array([[3, 1], [0, 2]]))
    0.875
    """
    return float(np.nanmean(recalls(counts)))


def wa(counts: Int[np.ndarray, "classes classes"]) -> float:
    """Weighted accuracy (WA), that is, plain accuracy, 0 to 1."""
    return float(np.trace(counts) / counts.sum())


def _hits(counts: Int[np.ndarray, "*batch classes classes"]) -> Int[np.ndarray, "*batch classes"]:
    return np.diagonal(counts, axis1=-2, axis2=-1)
