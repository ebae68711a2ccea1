"""The figures of a classifier that follow from its confusion matrix; equal to scikit-learn's.

They are written out, and not scikit-learn's own, because an interval needs them of thousands of resampled matrices at
once, and because neither training nor an evaluation need import scikit-learn (a second) for what a line says.
"""

import numpy as np
from jaxtyping import Float, Int


def confusion(
    labels: Int[np.ndarray, " clips"], predictions: Int[np.ndarray, " clips"], classes: int
) -> Int[np.ndarray, "classes classes"]:
    """Counts of clips by true class (row) and predicted class (column)."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predictions), 1)
    return counts


def recalls(counts: Int[np.ndarray, "*batch classes classes"]) -> Float[np.ndarray, "*batch classes"]:
    """The share of each class's clips that are found, 0 to 1; NaN for a class without clips."""
    support = counts.sum(axis=-1)
    return np.where(support > 0, _hits(counts) / np.maximum(support, 1), np.nan)


def precisions(counts: Int[np.ndarray, "*batch classes classes"]) -> Float[np.ndarray, "*batch classes"]:
    """The share of what is taken for each class that is of it, 0 to 1; 0 for a class that nothing is taken for."""
    return np.asarray(_hits(counts) / np.maximum(counts.sum(axis=-2), 1))


def f1s(counts: Int[np.ndarray, "*batch classes classes"]) -> Float[np.ndarray, "*batch classes"]:
    """The harmonic mean of each class's precision and recall, 0 to 1; NaN for a class without clips."""
    support = counts.sum(axis=-1)
    both = support + counts.sum(axis=-2)
    return np.where(support > 0, 2 * _hits(counts) / np.maximum(both, 1), np.nan)


def figures(counts: Int[np.ndarray, "*batch classes classes"]) -> dict[str, Float[np.ndarray, "*batch"]]:
    """The headline figures of one confusion matrix, or of each of many.

    Returns:
        wa: weighted accuracy, that is plain accuracy, 0 to 1.
        uar: unweighted average recall, the mean of the recalls of the classes present, 0 to 1.
        macro_f1, weighted_f1: the mean F1 of the classes present, each counting the same, or as often as it is there.
        kappa: Cohen's, the agreement beyond chance, -1 to 1; NaN where chance agrees always.
    """
    support, said, total = counts.sum(axis=-1), counts.sum(axis=-2), counts.sum(axis=(-2, -1))
    wa = _hits(counts).sum(axis=-1) / total
    chance = (support * said).sum(axis=-1) / np.square(total, dtype=np.float64)
    f1 = f1s(counts)
    return {
        "wa": wa,
        "uar": np.nanmean(recalls(counts), axis=-1),
        "macro_f1": np.nanmean(f1, axis=-1),
        "weighted_f1": np.nansum(f1 * support, axis=-1) / total,
        "kappa": np.where(chance < 1, (wa - chance) / np.where(chance < 1, 1 - chance, 1), np.nan),
    }


def uar(counts: Int[np.ndarray, "classes classes"]) -> float:
    """Unweighted average recall, the mean of the recalls of the classes present, 0 to 1."""
    return float(np.nanmean(recalls(counts)))


def wa(counts: Int[np.ndarray, "classes classes"]) -> float:
    """Weighted accuracy: plain accuracy, 0 to 1."""
    return float(np.trace(counts) / counts.sum())


def _hits(counts: Int[np.ndarray, "*batch classes classes"]) -> Int[np.ndarray, "*batch classes"]:
    return np.diagonal(counts, axis1=-2, axis2=-1)
