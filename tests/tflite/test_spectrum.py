"""A split file computes what the whole file computes in LiteRT."""

from pathlib import Path

import numpy as np
import pytest

from aersut.contracts import Framing
from aersut.export.features_file import features_file
from aersut.features import MFCC, RMS, ZCR, Delta, LogMel, SpectralCentroid
from aersut.features.frontend import Frontend
from aersut.tflite.file import TFLiteFile, operator_name
from aersut.tflite.litert import LiteRTModel
from aersut.tflite.spectrum import SplitFile, load_model, split
from tests.evaluation.files import dense_file

EXPORT = Path(__file__).parents[1] / "earlier" / "run" / "export"


def window(file: TFLiteFile) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(file.inputs[0].shape)).astype(np.float32)


def assert_agree(file: TFLiteFile, tolerance: float) -> None:
    parts = split(file)
    assert isinstance(parts, SplitFile)
    assert not {"RFFT2D", "REAL", "IMAG"} & {*parts.first.operators, *parts.second.operators}
    speech = window(file)
    padded, silent = speech.copy(), np.zeros_like(speech)
    padded[:, padded.shape[1] // 3 :] = 0
    model, whole = load_model(parts), LiteRTModel(file)
    for audio in (speech, padded, silent, speech):  # the first window again: nothing of an earlier one remains
        np.testing.assert_allclose(model(audio), whole(audio), rtol=1e-5, atol=tolerance)


def test_both_parts_compute_the_outputs_of_an_exported_file():
    assert_agree(TFLiteFile.read(EXPORT / "features.tflite"), 1e-5)


def test_features_of_several_spectra_and_of_none():
    features = (MFCC(), ZCR(), Delta(of=LogMel(n_mels=20)), SpectralCentroid(), RMS())
    frontend = Frontend(Framing(sample_rate=16_000, seconds=0.5), features, (), classes=8)
    assert_agree(features_file(frontend), 1e-3)  # of dB and Hz


def test_a_file_without_spectra_is_not_split():
    weights = np.ones((4, 3), np.float32)
    file = TFLiteFile(dense_file(weights, frames=5, examples=np.ones((2, 5, 4), np.float32), quantized=False))
    assert split(file) is file
    assert isinstance(load_model(split(file)), LiteRTModel)


@pytest.mark.parametrize("name", ["RFFT2D", "REAL"])
def test_a_file_that_returns_more_than_the_power_is_not_split(name):
    file = TFLiteFile.read(EXPORT / "features.tflite")

    def return_phase(model):
        graph = model.subgraphs[0]
        [operator] = [one for one in graph.operators if operator_name(model, one) == name]
        graph.outputs = [operator.outputs[0]]
        model.signatureDefs = []

    changed = file.edited(return_phase)
    assert split(changed) is changed
