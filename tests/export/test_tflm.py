"""Files run in TensorFlow Lite Micro itself, and what it cannot run is named."""

import numpy as np
import pytest
from ai_edge_litert.schema_py_generated import BuiltinOperator

from aersut.errors import UserError
from aersut.export.tflm import run_tflm
from tests.export.files import dense, renamed

FILE = dense(np.arange(6).reshape(2, 3))
INPUTS = np.eye(3, dtype=np.float32)[:, None]


def test_it_gives_the_outputs_and_the_arena():
    ran = run_tflm(FILE, INPUTS)
    logits = np.arange(6).reshape(2, 3).T
    np.testing.assert_allclose(ran.outputs[:, 0], np.exp(logits) / np.exp(logits).sum(1, keepdims=True), rtol=1e-5)
    assert 100 < ran.arena < 4_000


def test_an_operator_that_it_lacks_is_named():
    with pytest.raises(UserError, match=r"model\.tflite does not run in .* Micro: it has no operator ATAN2"):
        run_tflm(renamed(FILE, BuiltinOperator.SOFTMAX, BuiltinOperator.ATAN2), INPUTS, "model.tflite")


def test_an_input_of_another_shape_is_named():
    with pytest.raises(UserError, match="expected 3"):
        run_tflm(FILE, np.zeros((1, 1, 4), np.float32))


def test_a_file_that_needs_too_much_memory_is_named():
    with pytest.raises(UserError, match="an arena of more than 16 MB"):
        run_tflm(dense(np.zeros((5_000_000, 1))), np.zeros((1, 1, 1), np.float32))


def test_the_time_is_limited():
    with pytest.raises(UserError, match=r"did not end within 0\.01 s"):
        run_tflm(FILE, INPUTS, seconds=0.01)


def test_a_truncated_file_does_not_get_there():
    with pytest.raises(UserError, match="damaged"):
        run_tflm(FILE[: len(FILE) // 2], INPUTS)
