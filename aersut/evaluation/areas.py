"""The area under the ROC curve of each class against all others, and what it is in resamples."""

import numpy as np
from jaxtyping import Float

from aersut.evaluation.intervals import Resampling
from aersut.evaluation.judged import Judged


def areas(judged: Judged) -> list[float | None]:
    """Of each class, 0 to 1, a half being chance; None where it, or every other, has no clip. scikit-learn's."""
    from sklearn.metrics import roc_auc_score

    return [
        float(roc_auc_score(judged.labels == index, judged.probabilities[:, index]))
        if 0 < np.count_nonzero(judged.labels == index) < len(judged)
        else None
        for index in range(len(judged.emotions))
    ]


def resampled(judged: Judged, resampling: Resampling) -> Float[np.ndarray, " resamples"]:
    """The mean over the classes in each resample; NaN where no class has one.

    The area is the share of pairs, one clip of the class and one of another, that are in order. Counted once for each
    pair of speakers, they add up to any resample's: scikit-learn would sort all clips anew 16,000 times.
    """
    weights = resampling.weights.astype(np.float64)
    found = []
    for index in range(len(judged.emotions)):
        of_class, scores = judged.labels == index, judged.probabilities[:, index]
        ordered = np.zeros((resampling.speakers, resampling.speakers))
        for speaker in range(resampling.speakers):
            others = np.sort(scores[~of_class & (resampling.owners == speaker)])
            below = [np.searchsorted(others, scores[of_class], side) for side in ("left", "right")]
            np.add.at(ordered[:, speaker], resampling.owners[of_class], sum(below) / 2)  # a tie is half in order
        sizes = [np.bincount(resampling.owners[side], minlength=resampling.speakers) for side in (of_class, ~of_class)]
        pairs = (weights @ sizes[0]) * (weights @ sizes[1])
        sums = np.einsum("ra,ab,rb->r", weights, ordered, weights, optimize=True)
        found.append(np.where(pairs > 0, sums / np.maximum(pairs, 1), np.nan))
    together, known = np.array(found), np.isfinite(found)
    return np.where(known, together, 0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)
