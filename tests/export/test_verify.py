"""What is measured of a file, and when it is refused."""

import numpy as np
import pytest

from aersut.errors import UserError
from aersut.export.flatbuffer import Tensor
from aersut.export.verify import Loss, check_loss, compare, judge, latency_ms, loss, real, refuse_difference, stored
from tests.export.files import dense

INT8 = Tensor("x", (1, 3), "int8", scale=0.5, zero_point=-10, constant=False)


def test_quantized_values_and_back():
    assert stored(np.array([0.0, 1.3, 1000.0, -1000.0]), INT8).tolist() == [-10, -7, 127, -128]
    assert real(np.array([-10, -7], np.int8), INT8).tolist() == [0.0, 1.5]


def test_float_values_are_left_as_they_are():
    plain = Tensor("x", (1,), "float32", None, None, False)
    values = np.array([1.7], np.float32)
    assert stored(values, plain) is values
    assert real(values, plain) is values


def test_judgement_by_hand():
    file = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    reference = np.array([[0.8, 0.2], [0.2, 0.8], [0.4, 0.6]])
    found = judge(file, reference, np.array([0, 1, 1]))
    assert (found.wa, found.uar) == (pytest.approx(2 / 3), pytest.approx(0.75))
    assert (found.same, found.difference) == (pytest.approx(2 / 3), pytest.approx(0.2))


@pytest.mark.parametrize("difference", [1.1e-4, float("nan")])
def test_a_float_file_that_differs_is_refused(difference: float):
    reference = np.full((2, 2), 0.5)
    with pytest.raises(UserError, match="differs from JAX by .* nothing was exported"):
        refuse_difference(compare(reference + difference, reference))
    refuse_difference(compare(reference + 0.9e-4, reference))


def _answers(right: int, wrong: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """float32 always right, int8 wrong on some clips of each of two classes."""
    labels = np.tile([0, 1], (right + wrong) // 2)
    before = np.eye(2)[labels]
    after = np.where(np.arange(len(labels))[:, None] < wrong, 1 - before, before)
    return before, after, labels


def test_the_interval_of_a_loss_holds_the_loss():
    found = loss(*_answers(right=570, wrong=30))
    assert found.uar == pytest.approx(0.05)
    assert 0.03 < found.low < 0.05 < found.high < 0.07
    assert loss(*_answers(570, 30)) == found, "it is seeded"
    assert loss(*_answers(600, 0)) == Loss(0, 0, 0, 600)


def test_a_loss_beyond_the_interval_is_refused_and_the_limit_can_be_raised():
    found = loss(*_answers(right=570, wrong=30))
    with pytest.raises(UserError, match=r"int8 loses 5\.0 points .* 600 clips .* --export\.max_uar_loss"):
        check_loss(found, most=0.01)
    assert check_loss(found, most=0.04) == ""
    assert check_loss(loss(*_answers(right=592, wrong=8)), most=0.01) == "", "within the interval"


def test_few_clips_warn():
    found = loss(*_answers(right=90, wrong=10))
    assert "a warning only" in check_loss(found, most=0.01)
    assert check_loss(found, most=0.2) == ""


def test_latency_is_measured():
    assert 0 < latency_ms(dense(np.ones((2, 3))), np.ones(3, np.float32)) < 100
