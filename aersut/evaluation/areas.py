"""The area under the ROC curve of each class against all others, and what it is in resamples; equal to scikit-learn's.

The area is the share of pairs, one clip of the class and one of another, that are in order. Counted once for each pair
of speakers, they add up to the area of all clips and to any resample's: scikit-learn would sort all clips anew 16,000
times.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from aersut.evaluation.intervals import Resampling
from aersut.evaluation.judged import Judged


@dataclass(frozen=True)
class Pairs:
    """A class's clips and all others, paired.

    Attributes:
        ordered: pairs of each speaker's clips of the class with each speaker's others in which the class's has the
            higher probability of it; a tie is half.
        of_class, others: clips of each speaker.
    """

    ordered: Float[np.ndarray, "speakers speakers"]
    of_class: Int[np.ndarray, " speakers"]
    others: Int[np.ndarray, " speakers"]

    def area(self) -> float | None:
        """Of all clips, 0 to 1, a half being chance; None where the class, or every other, has no clip."""
        pairs = self.of_class.sum() * self.others.sum()
        return float(self.ordered.sum() / pairs) if pairs else None

    def resampled(self, weights: Float[np.ndarray, "resamples speakers"]) -> Float[np.ndarray, " resamples"]:
        """In each resample; NaN where there is none."""
        pairs = (weights @ self.of_class) * (weights @ self.others)
        sums = np.einsum("ra,ab,rb->r", weights, self.ordered, weights, optimize=True)
        return np.where(pairs > 0, sums / np.maximum(pairs, 1), np.nan)


def paired(judged: Judged, resampling: Resampling) -> list[Pairs]:
    """The pairs of each class."""
    found = []
    for index in range(len(judged.emotions)):
        of_class, scores = judged.labels == index, judged.probabilities[:, index]
        ordered = np.zeros((resampling.speakers, resampling.speakers))
        for speaker in range(resampling.speakers):
            others = np.sort(scores[~of_class & (resampling.owners == speaker)])
            below = [np.searchsorted(others, scores[of_class], side) for side in ("left", "right")]
            np.add.at(ordered[:, speaker], resampling.owners[of_class], sum(below) / 2)
        sizes = (np.bincount(resampling.owners[side], minlength=resampling.speakers) for side in (of_class, ~of_class))
        found.append(Pairs(ordered, *sizes))
    return found


def resampled(classes: list[Pairs], resampling: Resampling) -> Float[np.ndarray, " resamples"]:
    """The mean over the classes in each resample; NaN where no class has one."""
    together = np.array([pairs.resampled(resampling.weights.astype(np.float64)) for pairs in classes])
    known = np.isfinite(together)
    return np.where(known, together, 0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)
