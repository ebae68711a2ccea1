"""Confidence intervals by a cluster bootstrap over speakers, since the clips of one speaker are not independent."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Num
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
    """Bootstrap samples of the speakers of some clips (a cluster bootstrap), stratified by corpus.

    The interval is the estimate ± Student's t times the standard error of the bootstrap. Percentiles of the bootstrap
    are too narrow for few speakers: for simulated UARs of four speakers, 95 % percentile intervals cover the true value
    in 80 % of cases, and these intervals in 95 % (`tests/evaluation/test_intervals.py`).

    Some emotions may have clips of one corpus only, so its few speakers may decide the UAR. Each bootstrap sample draws
    the speakers of one corpus and keeps the others; the variances of the corpora are added, and the degrees of freedom
    are those of Satterthwaite (1946). If a corpus has fewer than `MIN_SPEAKERS`, all speakers are drawn together.

    Attributes:
        owners: index of the speaker of each clip.
        strata: index of the stratum of each speaker.
        weights: how often each speaker is drawn in each bootstrap sample; the same number of samples for each stratum,
            in their order.
    """

    owners: Int[np.ndarray, " clips"]
    strata: Int[np.ndarray, " speakers"]
    weights: Int[np.ndarray, "resamples speakers"]

    @classmethod
    def of(cls, speakers: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> "Resampling":
        """Draw bootstrap samples, each of as many speakers as there are.

        Args:
            speakers: of each clip, "CORPUS:SPEAKER" (`Clip.speaker_id`).
            resamples: number of samples of all strata together.
        """
        names, owners = np.unique(np.array(speakers), return_inverse=True)
        strata = np.unique([name.partition(":")[0] for name in names], return_inverse=True)[1]
        if np.bincount(strata).min() < MIN_SPEAKERS:
            strata = np.zeros(len(names), int)
        sizes, rng = np.bincount(strata), np.random.default_rng(seed)
        weights = np.ones((len(sizes), max(1, resamples // len(sizes)), len(names)), np.int64)
        for stratum, size in enumerate(sizes):
            weights[stratum][:, strata == stratum] = rng.multinomial(size, np.full(size, 1 / size), weights.shape[1])
        return cls(owners, strata, weights.reshape(-1, len(names)))

    @property
    def speakers(self) -> int:
        """Number of speakers."""
        return len(self.strata)

    def speakers_of(self, clips: Bool[np.ndarray, " clips"] | slice = slice(None)) -> Int[np.ndarray, " strata"]:
        """The number of speakers of each stratum who have some of these clips."""
        return np.bincount(self.strata[np.unique(self.owners[clips])], minlength=self.strata.max() + 1)

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

    def uar_speakers(self, labels: Int[np.ndarray, " clips"]) -> Int[np.ndarray, " strata"]:
        """The speakers of each stratum that a mean over the classes depends on, for `interval`.

        Such a mean is as uncertain as the class with the fewest speakers, so they count if they are too few.
        """
        rarest = min((self.speakers_of(labels == one) for one in np.unique(labels)), key=np.sum)
        return rarest if rarest.sum() < MIN_SPEAKERS else self.speakers_of()

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
        speakers: Int[np.ndarray, " strata"] | None = None,
    ) -> Interval | None:
        """The 95 % interval of a metric that lies between `least` and `most`.

        None for fewer than `MIN_SPEAKERS`, or where only one speaker of a stratum counts, besides those of others.

        Args:
            estimate: the metric over all speakers.
            resampled: the metric in each bootstrap sample; NaN where it is undefined.
            speakers: number of speakers of each stratum that the metric depends on, by default all.
        """
        speakers = self.speakers_of() if speakers is None else speakers
        if speakers.sum() < MIN_SPEAKERS or 1 in speakers or not np.isfinite(estimate):
            return None
        variances, freedoms = [], []
        for count, values in zip(speakers, np.split(resampled, len(speakers)), strict=True):
            known = values[np.isfinite(values)]
            if len(known) < 2:
                return None
            if count:  # a bootstrap's variance divides by n, not by n - 1
                variances.append(known.var(ddof=1) * count / (count - 1))
                freedoms.append(count - 1)
        variance = np.sum(variances)
        freedom = variance**2 / np.sum(np.square(variances) / freedoms) if variance > 0 else min(freedoms)
        half = float(special.stdtrit(freedom, (1 + LEVEL) / 2) * np.sqrt(variance))
        return max(least, float(estimate) - half), min(most, float(estimate) + half)
