"""The streaming frontend in TensorFlow Lite Micro equals the offline frontend; other features are refused."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from aersut.config import Data
from aersut.contracts import Feature, Framing
from aersut.corpora import Ravdess
from aersut.data.collection import collect
from aersut.errors import UserError
from aersut.export.frontend_file import frontend_file, window_file
from aersut.export.streaming import StreamingFrontend, split_frontend
from aersut.features import (
    F0,
    MFCC,
    PCEN,
    RMS,
    ZCR,
    Centered,
    Chroma,
    Delta,
    DeltaDelta,
    EGeMAPS,
    LogEnergy,
    LogMel,
    Rasta,
    Relative,
    Signal,
    SpectralCentroid,
    SpectralFlatness,
)
from aersut.features.frontend import Frontend, Scaling
from aersut.quiet import quiet
from aersut.registry import FEATURES
from aersut.tflite.file import Tensor
from aersut.tflite.join import quantized_output
from aersut.tflite.micro import run_tflm
from tests.export.conftest import FRAMING
from tests.export.files import cut

TENTHS = Tensor("int8", (), "int8", 0.1, 3, constant=False)
CEPSTRUM = MFCC(n_mfcc=13, n_mels=40, pre_emphasis=0.97, lifter=22)
BY_THEMSELVES = (CEPSTRUM, LogMel(n_mels=40), ZCR(), RMS(), Chroma(), SpectralCentroid(), SpectralFlatness())
PLAIN = MFCC(n_mfcc=13, n_mels=40)
ALONG_TIME = (RMS(), Delta(of=PLAIN), DeltaDelta(of=Delta(of=RMS()), width=5))


def fitted(framing: Framing, features: tuple[Feature, ...], clips: np.ndarray, per_utterance: bool = False) -> Frontend:
    frontend = Frontend(framing, features, (), 8, per_utterance)
    rows = frontend.scaled(jax.jit(frontend.transformed)(jnp.asarray(clips, jnp.float32) / 32768)[1])
    return replace(frontend, scaling=Scaling(rows.mean((0, 1)), rows.std((0, 1))))


def offline(frontend: Frontend, clips: np.ndarray) -> np.ndarray:
    """The features of training."""
    samples = jnp.asarray(clips, jnp.float32) / 32768
    return np.asarray(frontend.scaled(jax.jit(frontend.transformed)(samples)[1]))


def streamed(stream: StreamingFrontend, clips: np.ndarray) -> np.ndarray:
    """The same features as a board computes them: frame by frame, then, where needed, by the file of the window."""
    framing = stream.frontend.framing
    with quiet():
        frames = np.concatenate([cut(clip, framing) for clip in clips])
        rows = run_tflm(frontend_file(stream), frames, sequence=framing.frames).outputs
        rows = rows.reshape(len(clips), *stream.frames.shape)
        return rows if stream.plain else run_tflm(window_file(stream), rows).outputs


@pytest.mark.parametrize("framing", [FRAMING, Framing(16_000, 1.0, 400, 160, center=False)])
def test_features_of_single_frames(framing: Framing, voices: np.ndarray):
    frontend = fitted(framing, BY_THEMSELVES, voices)
    stream = split_frontend(frontend, voices)
    assert stream.plain
    found, expected = streamed(stream, voices), offline(frontend, voices)
    inside = slice(1, -1) if framing.center else slice(None)
    np.testing.assert_allclose(found[:, inside], expected[:, inside], atol=1e-3)


def test_frames_across_the_ends_of_a_window_are_padded_with_zeros(voices: np.ndarray):
    """Zero crossings and pre-emphasis differ there, so their features are not in this test."""
    many = tuple(
        LogMel(n_mels=12, fmax=fmax) for fmax in np.arange(3_000.0, 8_000.0, 500.0)
    )  # more than the inputs of one CONCATENATION
    frontend = fitted(FRAMING, (MFCC(n_mels=128), RMS(), *many), voices)
    np.testing.assert_allclose(streamed(split_frontend(frontend, voices), voices), offline(frontend, voices), atol=1e-3)


@pytest.mark.parametrize("per_utterance", [False, True])
def test_features_of_several_frames_are_computed_from_the_ring_buffer(per_utterance: bool, voices: np.ndarray):
    frontend = fitted(FRAMING, ALONG_TIME, voices, per_utterance)
    stream = split_frontend(frontend, voices)
    assert stream.frames.features == (RMS(), PLAIN)
    np.testing.assert_allclose(streamed(stream, voices), offline(frontend, voices), atol=1e-3)


RECURSIVE = (
    PCEN(gain=1.0),
    Rasta(),
    Centered(time_constant=0.5, variance=True, level=False),
    Relative(of=LogEnergy(), decay_db=20.0),
)


def test_recursive_features_carry_their_state_from_frame_to_frame(voices: np.ndarray):
    frontend = fitted(FRAMING, RECURSIVE, voices)
    stream = split_frontend(frontend, voices)
    assert stream.plain
    np.testing.assert_allclose(streamed(stream, voices), offline(frontend, voices), atol=1e-3)
    with quiet():
        file = frontend_file(stream)
    state = (1, sum((1 + 64, 1 + 5 * 64, 1 + 2 * 64, 2)))
    assert [tensor.shape for tensor in file.inputs] == [(1, 1 + FRAMING.frame_length), state]
    assert [tensor.shape for tensor in file.outputs] == [(1, 3 * 64 + 1), state]
    quantized = quantized_output(file, TENTHS)
    assert [tensor.type for tensor in quantized.outputs] == ["int8", "float32"]
    frames = cut(voices[0], FRAMING)
    np.testing.assert_array_equal(run_tflm(quantized, frames).outputs, TENTHS.quantize(run_tflm(file, frames).outputs))


def test_normalization_over_the_window_is_computed_from_the_ring_buffer(voices: np.ndarray):
    features = (Relative(), Centered(level=False), Delta(of=PCEN()))
    stream = split_frontend(frontend := fitted(FRAMING, features, voices), voices)
    assert stream.frames.features == (LogMel(), PCEN())
    np.testing.assert_allclose(streamed(stream, voices), offline(frontend, voices), atol=1e-3)


def test_real_speech_at_16_khz_within_the_budget_of_a_small_board(real_data: Path):
    """Frame length 512, 40 mel bands: at most 80 KB, and a tensor arena of at most 32 KB."""
    framing = Framing(sample_rate=16_000, seconds=3.0, frame_length=512, hop_length=512)
    collection = collect(Data(corpora=(Ravdess(),), root=real_data), framing)
    clips = np.stack([collection.window(clip) for clip in range(0, len(collection.clips), 100)])
    for features in ((LogMel(n_mels=40),), (MFCC(n_mfcc=13, n_mels=40),)):
        frontend = fitted(framing, features, clips)
        stream = split_frontend(frontend, clips)
        np.testing.assert_allclose(streamed(stream, clips), offline(frontend, clips), atol=1e-3)
        with quiet():
            file = quantized_output(frontend_file(stream), TENTHS)
        assert len(file.content) <= 80_000
        assert run_tflm(file, cut(clips[0], framing)[:1]).arena <= 32_000


def test_the_int8_file_quantizes_the_output_of_the_float_file(voices: np.ndarray):
    stream = split_frontend(fitted(FRAMING, (LogMel(n_mels=40),), voices), voices)
    with quiet():
        file = frontend_file(stream)
    frames = cut(voices[0], FRAMING)[::8]
    quantized = quantized_output(file, TENTHS)
    [output] = quantized.outputs
    assert (output.type, output.shape, output.zero_point) == ("int8", (1, 40), 3)
    expected = TENTHS.quantize(run_tflm(file, frames).outputs)
    np.testing.assert_array_equal(run_tflm(quantized, frames).outputs, expected)


def test_frames_are_cut_where_the_framing_says():
    samples = np.arange(1, 11, dtype=np.int16)
    centred = cut(samples, Framing(sample_rate=10, seconds=1.0, frame_length=4, hop_length=3))
    np.testing.assert_array_equal(centred, [[0, 0, 0, 1, 2], [1, 2, 3, 4, 5], [4, 5, 6, 7, 8], [7, 8, 9, 10, 0]])
    plain = cut(samples, Framing(sample_rate=10, seconds=1.0, frame_length=4, hop_length=3, center=False))
    np.testing.assert_array_equal(plain, [[0, 1, 2, 3, 4], [3, 4, 5, 6, 7], [6, 7, 8, 9, 10]])


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (EGeMAPS(), "feature 'egemaps' is computed outside JAX, so it cannot be exported"),
        (LogMel(top_db=80.0), r"feature 'log_mel' depends on the whole utterance.* with features\.N\.top_db=none"),
        (Delta(of=MFCC(top_db=80.0)), "feature 'mfcc' depends on the whole utterance"),
    ],
)
def test_a_feature_that_does_not_stream_is_named(feature: Feature, message: str, voices: np.ndarray):
    with pytest.raises(UserError, match=message):
        split_frontend(Frontend(FRAMING, (RMS(), feature), (), 8), voices)


def test_a_feature_whose_operator_tensorflow_lite_lacks_is_named(voices: np.ndarray):
    with quiet(), pytest.raises(UserError, match=r"feature 'f0' needs an operator that TensorFlow Lite lacks"):
        frontend_file(split_frontend(Frontend(FRAMING, (RMS(), F0()), (), 8), voices))


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Feature]:
    """Registers a third-party feature under the name "example"."""
    monkeypatch.setattr(FEATURES, "_plugins", dict(FEATURES._plugins))

    def register(function: Callable[[Any, Signal], Array], **declared: Any) -> Feature:
        @FEATURES.register("example")
        @dataclass(frozen=True)
        class Example(Feature):
            """A feature."""

            channels = 1
            of: Feature | None = None
            __call__ = function

        for name, value in declared.items():
            setattr(Example, name, value)
        return Example(RMS())

    return register


def test_a_third_party_feature_streams(example: Callable[..., Feature], voices: np.ndarray):
    peak = example(lambda self, signal: jnp.max(jnp.abs(signal.frames()), axis=1, keepdims=True))
    frontend = fitted(FRAMING, (peak,), voices)
    np.testing.assert_allclose(streamed(split_frontend(frontend, voices), voices), offline(frontend, voices), atol=1e-3)


def test_an_operator_that_micro_lacks_is_named_with_its_feature(example: Callable[..., Feature], voices: np.ndarray):
    angle = example(lambda self, signal: jnp.arctan2(signal.frames()[:, :1], signal.frames()[:, 1:2]))
    with quiet(), pytest.raises(UserError, match=r"feature 'example' does not run in .* operator ATAN2\..*LiteRT"):
        frontend_file(split_frontend(Frontend(FRAMING, (RMS(), angle), (), 8), voices))


def test_a_feature_of_several_frames_that_reads_samples_is_named(example: Callable[..., Feature], voices: np.ndarray):
    loud = example(lambda self, signal: signal.feature(self.of) / jnp.max(signal.frames()), whole_utterance=True)
    with pytest.raises(UserError, match="feature 'example' depends on several frames and reads samples"):
        split_frontend(Frontend(FRAMING, (loud,), (), 8), voices)


def test_every_built_in_feature_streams_or_is_refused():
    found = {}
    for name in FEATURES.names():
        try:
            found[name] = split_frontend(
                Frontend(FRAMING, (FEATURES[name](),), (), 8), np.zeros((1, 16_000), np.int16)
            ).plain
        except UserError:
            found[name] = None
    assert {name for name, plain in found.items() if plain is None} == {"egemaps"}
    of_several_frames = {"delta", "delta_delta", "centered", "relative"}
    assert {name for name, plain in found.items() if plain is False} == of_several_frames
