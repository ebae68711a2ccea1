"""Confidence intervals by a cluster bootstrap over speakers, since the clips of one speaker are not independent."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Num
from scipy import special

from aersut import metrics

RESAMPLES = 2000
LEVEL = 0.95
Interval = tuple[float, float]
MIN_SPEAKERS = 3
"""Fewer speakers have no interval. The bootstrap of two has three distinct means, and Student's t makes its interval 25
standard errors wide: it is 0 to 1, or has no width where both have the same result."""


def bootstrap_means(speakers: int) -> int:
    """The largest number of distinct means that bootstrap samples of so many speakers can have.

    >>> [bootstrap_means(speakers) for speakers in (1, 2, 3, 4, 8)]
    [1, 3, 10, 35, 6435]
    """
    return math.comb(2 * speakers - 1, speakers)


@dataclass(frozen=True)
class Resampling:
    """Bootstrap samples of the speakers of some clips (a cluster bootstrap).

    The interval is the estimate ± Student's t times the standard error of the bootstrap. Percentiles of the bootstrap
    are too narrow for few speakers: for simulated UARs of four speakers, 95 % percentile intervals cover the true value
    in 80 % of cases, and these intervals in 95 % (`tests/evaluation/test_intervals.py`).

    Attributes:
        owners: index of the speaker of each clip.
        weights: how often each speaker is drawn in each bootstrap sample.
    """

    owners: Int[np.ndarray, " clips"]
    weights: Int[np.ndarray, "resamples speakers"]

    @classmethod
    def of(cls, speakers: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> "Resampling":
        """Draw bootstrap samples, each of as many speakers as there are, from the speaker of each clip."""
        names, owners = np.unique(np.array(speakers), return_inverse=True)
        chances = np.full(len(names), 1 / len(names))
        return cls(owners, np.random.default_rng(seed).multinomial(len(names), chances, resamples))

    @property
    def speakers(self) -> int:
        """Number of speakers."""
        return self.weights.shape[1]

    def totals(
        self,
        indices: Sequence[Int[np.ndarray, " clips"]],
        shape: tuple[int, ...],
        values: Num[np.ndarray, " clips"] | None = None,
    ) -> Num[np.ndarray, "..."]:
        """Number of clips, or sum of their `values`, at each index of an array of `shape`, in each bootstrap sample.

        Args:
            indices: for each axis of `shape`, the index of each clip.
        """
        values = np.ones(len(self.owners), np.int64) if values is None else values
        of_speaker = np.zeros((self.speakers, *shape), values.dtype)
        np.add.at(of_speaker, (self.owners, *indices), values)
        return np.tensordot(self.weights, of_speaker, axes=1)

    def uar(
        self, labels: Int[np.ndarray, " clips"], predicted: Int[np.ndarray, " clips"], classes: int
    ) -> Float[np.ndarray, " resamples"]:
        """UAR in each bootstrap sample, 0 to 1, of the classes that have clips there."""
        return np.nanmean(metrics.recalls(self.totals((labels, predicted), (classes, classes))), axis=-1)

    def uar_speakers(self, labels: Int[np.ndarray, " clips"]) -> int:
        """The number of speakers that a mean over the classes depends on, for `interval`.

        Such a mean is as uncertain as the class with the fewest speakers, so they count if they are too few.
        """
        rarest = min(len(np.unique(self.owners[labels == one])) for one in np.unique(labels))
        return rarest if rarest < MIN_SPEAKERS else self.speakers

    def uar_with_interval(
        self, labels: Int[np.ndarray, " clips"], predicted: Int[np.ndarray, " clips"], classes: int
    ) -> tuple[float, Interval | None]:
        """UAR, and its interval; see `interval`."""
        uar = metrics.uar(metrics.confusion(labels, predicted, classes))
        return uar, self.interval(uar, self.uar(labels, predicted, classes), speakers=self.uar_speakers(labels))

    def uar_drop(
        self,
        labels: Int[np.ndarray, " clips"],
        before: Int[np.ndarray, " clips"],
        after: Sequence[Int[np.ndarray, " clips"]],
        classes: int,
    ) -> tuple[float, Interval | None]:
        """The mean drop of UAR from the predictions `before` to each of those `after`, and its paired interval.

        Each bootstrap sample of the speakers serves both.
        """
        uar = metrics.uar(metrics.confusion(labels, before, classes))
        drop = float(np.mean([uar - metrics.uar(metrics.confusion(labels, one, classes)) for one in after]))
        resampled = self.uar(labels, before, classes) - np.mean(
            [self.uar(labels, one, classes) for one in after], axis=0
        )
        return drop, self.interval(drop, resampled, least=-1.0, speakers=self.uar_speakers(labels))

    def interval(
        self,
        estimate: float,
        resampled: Float[np.ndarray, " resamples"],
        least: float = 0.0,
        most: float = 1.0,
        speakers: int | None = None,
    ) -> Interval | None:
        """The 95 % interval of a metric that lies between `least` and `most`; None for fewer than `MIN_SPEAKERS`.

        Args:
            estimate: the metric over all speakers.
            resampled: the metric in each bootstrap sample; NaN where it is undefined.
            speakers: number of speakers that the metric depends on, by default all.
        """
        known, speakers = resampled[np.isfinite(resampled)], self.speakers if speakers is None else speakers
        if speakers < MIN_SPEAKERS or len(known) < 2 or not np.isfinite(estimate):
            return None
        # a bootstrap's standard deviation divides by n, not by n - 1
        error = known.std(ddof=1) * np.sqrt(speakers / (speakers - 1))
        half = float(special.stdtrit(speakers - 1, (1 + LEVEL) / 2) * error)
        return max(least, float(estimate) - half), min(most, float(estimate) + half)
