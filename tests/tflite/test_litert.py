"""LiteRTModel has real inputs and outputs for every number format."""

import numpy as np
import pytest

from aersut.errors import UserError
from aersut.tflite.file import TFLiteFile
from aersut.tflite.litert import LiteRTModel
from tests.evaluation.files import dense_file


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


def probabilities(features, weights):
    logits = features.mean(axis=1) @ weights
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("quantized", "tolerance"), [(False, 1e-6), (True, 0.02)])
def test_a_file_computes_the_outputs_of_its_network(weights, quantized, tolerance):
    features = np.random.default_rng(1).normal(size=(20, 5, 4)).astype(np.float32)
    file = TFLiteFile(dense_file(weights, frames=5, examples=features, quantized=quantized))
    model = LiteRTModel(file)
    assert model.shape == (5, 4)
    assert file.inputs[0].type == ("int8" if quantized else "float32")
    np.testing.assert_allclose(model(features), probabilities(features, weights), atol=tolerance)


def test_values_beyond_the_range_of_an_integer_are_clipped(weights):
    features = np.random.default_rng(1).normal(size=(20, 5, 4)).astype(np.float32)
    model = LiteRTModel(TFLiteFile(dense_file(weights, frames=5, examples=features, quantized=True)))
    loudest = np.full((1, 5, 4), np.abs(features).max(), np.float32)
    np.testing.assert_allclose(model(100 * loudest), model(loudest), atol=0.02)


def test_a_file_that_litert_cannot_run_is_named():
    with pytest.raises(UserError, match=r"m\.tflite cannot be run by LiteRT"):
        LiteRTModel(TFLiteFile(b"\x1c\x00\x00\x00TFL3" + b"\x00" * 40, "m.tflite"))
