"""Whether probabilities mean what they say: of the clips that a model is 80 % sure of, 80 % should be right."""

import numpy as np
from jaxtyping import Float

from aersut.evaluation.intervals import Resampling
from aersut.evaluation.judged import Judged

BINS = 15


def binned(judged: Judged) -> Float[np.ndarray, "bins 3"]:
    """Clips, sum of confidences and right answers, by confidence in bins of equal width."""
    return _sums(judged, Resampling(np.zeros(len(judged), int), np.ones((1, 1), int)))[0]


def resampled(judged: Judged, resampling: Resampling) -> Float[np.ndarray, "resamples bins 3"]:
    """`binned` of each resample."""
    return _sums(judged, resampling)


def ece(sums: Float[np.ndarray, "*batch bins 3"]) -> Float[np.ndarray, "*batch"]:
    """Expected calibration error, 0 to 1: |accuracy - confidence| of each bin, weighted by its clips.

    With the confidence of the likeliest class in 15 bins of equal width (Guo et al. 2017).
    """
    return np.abs(sums[..., 2] - sums[..., 1]).sum(axis=-1) / sums[..., 0].sum(axis=-1)


def _sums(judged: Judged, resampling: Resampling) -> Float[np.ndarray, "resamples bins 3"]:
    # a confidence on the border of two bins belongs to the lower one, as in (0.8, 0.9]
    bins = np.clip(np.ceil(judged.confidences.astype(np.float64) * BINS).astype(int) - 1, 0, BINS - 1)
    columns = (np.ones(len(judged)), judged.confidences.astype(np.float64), judged.right.astype(np.float64))
    return np.stack([resampling.sums((bins,), (BINS,), column) for column in columns], axis=-1)
