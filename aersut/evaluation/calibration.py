"""Calibration: whether confidence equals accuracy (80 % of the clips predicted with confidence 0.8 are correct)."""

import numpy as np
from jaxtyping import Float

from aersut.evaluation.intervals import Resampling
from aersut.evaluation.predictions import ClipPredictions

BINS = 15


def calibration_bins(predictions: ClipPredictions, resampling: Resampling) -> Float[np.ndarray, "resamples bins 3"]:
    """Clips, sum of confidences and correct predictions in confidence bins of equal width, in each bootstrap sample."""
    confidences = predictions.confidences.astype(np.float64)
    # a confidence on the edge of two bins belongs to the lower bin, as in (0.8, 0.9]
    bins = np.clip(np.ceil(confidences * BINS).astype(int) - 1, 0, BINS - 1)
    columns = (np.ones(len(predictions)), confidences, predictions.correct.astype(np.float64))
    return np.stack([resampling.totals((bins,), (BINS,), column) for column in columns], axis=-1)


def ece(bins: Float[np.ndarray, "*batch bins 3"]) -> Float[np.ndarray, "*batch"]:
    """Expected calibration error, 0 to 1: the mean of |accuracy - confidence| over bins, weighted by their clips.

    The confidence is that of the predicted class, in 15 bins of equal width (Guo et al. 2017).
    """
    return np.abs(bins[..., 2] - bins[..., 1]).sum(axis=-1) / bins[..., 0].sum(axis=-1)
