"""features.tflite computes the features of training from samples, for every framing."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from aersut.contracts import Framing
from aersut.errors import UserError
from aersut.export.features_file import features_file
from aersut.features import F0, MFCC, RMS, ZCR, Chroma, Delta, EGeMAPS, LogMel, SpectralCentroid, SpectralFlatness
from aersut.features.frontend import Frontend, Scaling
from aersut.quiet import quiet
from tests.export.conftest import FRAMING

EVERY_KIND = (
    *(MFCC(n_mfcc=13, n_mels=40, pre_emphasis=0.97, lifter=22), LogMel(n_mels=40, top_db=80.0), ZCR(), RMS()),
    *(Chroma(), SpectralCentroid(), SpectralFlatness(), Delta(of=MFCC(n_mels=40))),
)


@pytest.mark.parametrize(
    ("framing", "per_utterance"),
    [(FRAMING, False), (replace(FRAMING, frame_length=400, hop_length=160, center=False), True)],
)
def test_the_file_computes_the_features_of_the_frontend(framing: Framing, per_utterance: bool, voices: np.ndarray):
    frontend = Frontend(framing, EVERY_KIND, (), 8, per_utterance)
    samples = jnp.asarray(voices, jnp.float32) / 32768
    expected = jax.jit(frontend.transformed)(samples)[1]
    frontend = replace(frontend, scaling=Scaling(expected.mean((0, 1)), expected.std((0, 1))))
    with quiet():
        interpreter = Interpreter(model_content=features_file(frontend).content)
        interpreter.allocate_tensors()
        for clip, rows in zip(samples, frontend.scaled(expected), strict=True):
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.asarray(clip[None]))
            interpreter.invoke()
            found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
            np.testing.assert_allclose(found[0], rows, atol=1e-3)


def test_a_feature_that_runs_on_the_host_is_named():
    with pytest.raises(UserError, match="feature 'egemaps' is computed outside JAX"):
        features_file(Frontend(FRAMING, (RMS(), EGeMAPS()), (), 8))


def test_a_feature_whose_operator_tensorflow_lite_lacks_is_named(capfd: pytest.CaptureFixture[str]):
    with pytest.raises(UserError, match=r"feature 'f0' needs an operator that TensorFlow Lite lacks \(vhlo.fft"):
        features_file(Frontend(FRAMING, (RMS(), F0()), (), 8))
