"""Intervals by speaker cover the true value in 95 % of cases."""

import numpy as np
import pytest

from aersut import metrics
from aersut.evaluation.intervals import Resampling, bootstrap_means

ROUNDS = 400


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def covered(corpora, rng):
    """How often the interval, and the percentile interval, contains the UAR of the population of speakers.

    `corpora` has the number of speakers of each corpus; only the speakers of the first have clips of the last two
    emotions.
    """
    easiness = np.linspace(-1, 1.5, 8)
    truth = sigmoid(easiness + 0.5 * rng.normal(size=(100_000, 1))).mean()
    names = [f"{corpus}:{n}" for corpus, count in enumerate(corpora) for n in range(count)]
    clips = [(name, label) for name in names for label in np.repeat(np.arange(8 if name[0] == "0" else 6), 8)]
    speakers, labels = [name for name, _ in clips], np.array([label for _, label in clips])
    owners = np.array([names.index(name) for name in speakers])
    hits = percentile_hits = 0
    for seed in range(ROUNDS):
        chance = sigmoid(easiness + 0.5 * rng.normal(size=(len(names), 1)))  # some speakers are harder than others
        correct = rng.random(len(labels)) < chance[owners, labels]
        predicted = np.where(correct, labels, (labels + rng.integers(1, 8, len(labels))) % 8)
        resampling = Resampling.of(speakers, 300, seed)
        uars = metrics.headline_metrics(resampling.totals((labels, predicted), (8, 8)))["uar"]
        low, high = resampling.interval(metrics.uar(metrics.confusion(labels, predicted, 8)), uars)
        hits += low <= truth <= high
        low, high = np.quantile(uars, [0.025, 0.975])
        percentile_hits += low <= truth <= high
    return hits / ROUNDS, percentile_hits / ROUNDS


@pytest.mark.parametrize("corpora", [[4], [12], [3, 16]])
def test_95_percent_of_intervals_cover_the_true_value(corpora):
    rate, percentiles = covered(corpora, np.random.default_rng(corpora[0]))
    # the standard error of 400 rounds is about 1 point, and the t distribution is an approximation
    assert 0.91 <= rate <= 0.985
    if corpora == [4]:
        assert percentiles < 0.87  # the reason why they are not used


def test_totals_are_those_of_the_drawn_speakers_clips():
    rng = np.random.default_rng(1)
    speakers, labels, predicted = rng.integers(0, 3, 50), rng.integers(0, 4, 50), rng.integers(0, 4, 50)
    drawn = Resampling.of([str(speaker) for speaker in speakers], 20, seed=4)
    assert drawn.weights.sum(axis=1).tolist() == [3] * 20
    for weights, total in zip(drawn.weights, drawn.totals((labels, predicted), (4, 4)), strict=True):
        expected = np.zeros((4, 4), int)
        for speaker, times in enumerate(weights):
            for _ in range(times):
                expected += metrics.confusion(labels[speakers == speaker], predicted[speakers == speaker], 4)
        np.testing.assert_array_equal(total, expected)


def test_an_interval_stays_within_the_range_of_the_metric():
    drawn = Resampling.of(["1", "2", "3"], 100)
    assert drawn.interval(0.9, np.linspace(0, 1, 100)) == (0.0, 1.0)
    assert drawn.interval(0.0, np.linspace(-1, 1, 100), -1.0) == (-1.0, 1.0)
    assert drawn.interval(float("nan"), np.full(100, np.nan)) is None


@pytest.mark.parametrize("speakers", [1, 2])
def test_fewer_than_three_speakers_have_no_interval(speakers):
    drawn = Resampling.of([str(n % speakers) for n in range(10)], 100)
    assert drawn.interval(0.5, np.linspace(0, 1, 100)) is None
    assert Resampling.of(list("abcde"), 100).interval(0.5, np.linspace(0, 1, 100), speakers=speakers) is None


@pytest.mark.parametrize("speakers", [1, 2, 3, 4, 5])
def test_bootstrap_means_counts_the_distinct_samples(speakers):
    drawn = Resampling.of([str(n) for n in range(speakers)], 20_000)
    assert len(np.unique(drawn.weights, axis=0)) == bootstrap_means(speakers)


def test_the_same_clips_have_the_same_bootstrap_samples():
    drawn = [Resampling.of(list("abcab"), 50).weights for _ in range(2)]
    np.testing.assert_array_equal(*drawn)
