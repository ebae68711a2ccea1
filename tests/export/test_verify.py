"""Metrics of exported files, and the limits beyond which they are refused."""

import time

import numpy as np
import pytest

from aersut.errors import UserError
from aersut.export.verify import (
    QuantizationLoss,
    check_float32,
    check_quantization_loss,
    file_metrics,
    latency_ms,
    quantization_loss,
)
from tests.export.files import dense


def test_metrics_by_hand():
    file = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    reference = np.array([[0.8, 0.2], [0.2, 0.8], [0.4, 0.6]])
    found = file_metrics(file, reference, np.array([0, 1, 1]))
    assert (found.wa, found.uar) == (pytest.approx(2 / 3), pytest.approx(0.75))
    assert (found.agreement, found.difference) == (pytest.approx(2 / 3), pytest.approx(0.2))


@pytest.mark.parametrize("difference", [1.1e-4, float("nan")])
def test_a_float_file_that_differs_is_refused(difference: float):
    reference = np.full((2, 2), 0.5)
    with pytest.raises(UserError, match="differs from JAX by .* nothing was exported"):
        check_float32(reference + difference, reference)
    check_float32(reference + 0.9e-4, reference)


def _outputs(right: int, wrong: int, speakers: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Outputs of float32, always correct, and of int8, wrong on some clips of each class; labels and speakers.

    The wrong clips are spread over the speakers.
    """
    labels = np.tile([0, 1], (right + wrong) // 2)
    before = np.eye(2)[labels]
    after = np.where(np.arange(len(labels))[:, None] < wrong, 1 - before, before)
    return before, after, labels, [str(clip // 2 % speakers) for clip in range(len(labels))]


def test_the_interval_contains_the_loss():
    found = quantization_loss(*_outputs(right=570, wrong=30))
    assert found.uar == pytest.approx(0.05)
    assert found.low is not None
    assert found.high is not None
    assert 0.03 < found.low < 0.05 < found.high < 0.07
    assert quantization_loss(*_outputs(570, 30)) == found, "the bootstrap is seeded"
    assert quantization_loss(*_outputs(600, 0)) == QuantizationLoss(0, 0, 0, 600)


def test_a_loss_beyond_the_interval_is_refused_and_the_limit_can_be_raised():
    found = quantization_loss(*_outputs(right=570, wrong=30))
    with pytest.raises(UserError, match=r"int8 loses 5\.0 points .* 600 clips .* --export\.max_uar_loss"):
        check_quantization_loss(found, most=0.01)
    assert check_quantization_loss(found, most=0.04) == ""
    within = quantization_loss(*_outputs(right=592, wrong=8))
    assert check_quantization_loss(within, most=0.01) == ""


def test_a_loss_of_few_speakers_is_uncertain():
    """The same wrong clips, all of one of ten speakers: the interval by speaker reaches 0."""
    before, after, labels, _ = _outputs(right=570, wrong=30)
    found = quantization_loss(before, after, labels, [str(clip // 60) for clip in range(600)])
    assert found.uar == pytest.approx(0.05)
    assert found.low is not None
    assert found.low < 0
    assert check_quantization_loss(found, most=0.01) == ""


def test_two_speakers_warn():
    found = quantization_loss(*_outputs(right=570, wrong=30, speakers=2))
    assert (found.low, found.high) == (None, None)
    assert "too few speakers for an interval" in check_quantization_loss(found, most=0.01)


def test_few_clips_warn():
    found = quantization_loss(*_outputs(right=90, wrong=10))
    assert "a warning only" in check_quantization_loss(found, most=0.01)
    assert check_quantization_loss(found, most=0.2) == ""


def test_latency_is_the_median_in_milliseconds(monkeypatch):
    times = iter(np.cumsum([0.0, 5.0, *[1.0, 0.002] * 40]))  # the first call takes longer
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    assert latency_ms(dense(np.ones((2, 3))), np.ones(3, np.float32)) == pytest.approx(2.0)
