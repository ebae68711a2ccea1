"""A file in LiteRT gives real numbers, whatever it computes with."""

import numpy as np
import pytest

from aersut.errors import UserError
from aersut.litert import Model
from tests.evaluation.files import dense_file


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


def probabilities(features, weights):
    logits = features.mean(axis=1) @ weights
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("quantized", "tolerance"), [(False, 1e-6), (True, 0.02)])
def test_a_file_says_what_its_network_computes(tmp_path, weights, quantized, tolerance):
    features = np.random.default_rng(1).normal(size=(20, 5, 4)).astype(np.float32)
    (tmp_path / "m.tflite").write_bytes(dense_file(weights, frames=5, examples=features, quantized=quantized))
    model = Model.read(tmp_path / "m.tflite")
    assert model.shape == (5, 4)
    assert model._into["dtype"] == (np.int8 if quantized else np.float32)
    np.testing.assert_allclose(model(features), probabilities(features, weights), atol=tolerance)


def test_what_an_integer_cannot_hold_becomes_the_nearest_that_it_can(tmp_path, weights):
    features = np.random.default_rng(1).normal(size=(20, 5, 4)).astype(np.float32)
    (tmp_path / "m.tflite").write_bytes(dense_file(weights, frames=5, examples=features, quantized=True))
    model = Model.read(tmp_path / "m.tflite")
    loudest = np.full((1, 5, 4), np.abs(features).max(), np.float32)
    np.testing.assert_allclose(model(100 * loudest), model(loudest), atol=0.02)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"", "no TensorFlow Lite file"),
        (b"PK\x03\x04 a zip", "no TensorFlow Lite file"),
        (b"\x1c\x00\x00\x00TFL3" + b"\x00" * 40, "cannot be run"),
    ],
)
def test_what_is_no_file_of_its_kind_is_refused(tmp_path, content, words):
    if content is not None:
        (tmp_path / "m.tflite").write_bytes(content)
    with pytest.raises(UserError, match=words):
        Model.read(tmp_path / "m.tflite")
