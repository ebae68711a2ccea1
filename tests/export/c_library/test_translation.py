"""Translated models and frontends give the bytes of TensorFlow Lite Micro; what the library lacks is named."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from jax import Array

from aersut.contracts import Feature, Model
from aersut.export.c_library.lstm import sigmoid_table
from aersut.export.c_library.operators import translate
from aersut.export.c_library.program import LARGEST_CONSTANT, UntranslatableError
from aersut.export.convert import probabilities, to_tflite
from aersut.export.frontend_file import fft_frontend_file, frontend_file, window_file
from aersut.export.quantize import quantize
from aersut.export.streaming import split_frontend
from aersut.features import (
    MFCC,
    PCEN,
    RMS,
    ZCR,
    Centered,
    Chroma,
    LogEnergy,
    LogMel,
    Rasta,
    Relative,
    SpectralCentroid,
    SpectralFlatness,
)
from aersut.features.frontend import Frontend
from aersut.models import CNN, DSCNN, TCResNet
from aersut.quiet import quiet
from aersut.tflite.file import Tensor, TFLiteFile
from aersut.tflite.graph import Graph
from aersut.tflite.join import joined, quantized_input, quantized_output
from aersut.tflite.micro import run_tflm
from tests.export.c_library.compiled import run_c
from tests.export.conftest import FRAMING
from tests.export.files import cut
from tests.export.models import CHANNELS, FRAMES, clips, small, trained

WINDOWS = 40
BYTES = Tensor("int8", (), "int8", 0.1, 3, constant=False)


def int8_model(model: Model) -> TFLiteFile:
    graphs, state = trained(model)
    with quiet():
        network = probabilities(lambda: graphs.network(state.weights, state.rest), fused=True)
        return quantize(to_tflite(network, [(1, FRAMES, CHANNELS)]), "int8", clips(50))


def int8_function(function: Callable[[Array], Array], shape: tuple[int, ...] = (1, FRAMES, CHANNELS)) -> TFLiteFile:
    inputs = np.random.default_rng(2).normal(size=(50, *shape[1:])).astype(np.float32)
    with quiet():
        return quantize(to_tflite(function, [shape]), "int8", inputs)


def any_bytes(file: TFLiteFile, count: int = WINDOWS) -> np.ndarray:
    """Random bytes: the whole range, and more than training data give."""
    return np.random.default_rng(3).integers(-128, 128, (count, *file.inputs[0].shape[1:])).astype(np.int8)


MODELS: dict[str, Model] = {
    "cnn": small("cnn"),
    "cnn, other strides": CNN(filters=(7, 9), kernels=(5, 2), dense=10),
    "cnn_lstm": small("cnn_lstm"),
    "bidirectional": small("bidirectional"),
    "cnn2d": small("cnn2d"),
    "ds_cnn": DSCNN(filters=(8, 8), kernels=(3, 3)),
    "residual": TCResNet(filters=(8, 12), kernels=(3, 3)),
    "residual, over frames and bands": TCResNet(bands=3, filters=(8, 12), kernels=(3, 3)),
}


@pytest.mark.parametrize("name", MODELS)
def test_an_int8_model_has_the_bytes_of_micro(name: str, tmp_path: Path):
    file = int8_model(MODELS[name])
    inputs = any_bytes(file)
    np.testing.assert_array_equal(run_c(file, inputs, tmp_path), run_tflm(file, inputs).outputs)


OPERATORS: dict[str, Callable[[Array], Array]] = {
    "mean of axes": lambda x: x.mean(1),
    "sum": lambda x: 0.1 * x.sum(1),
    "product of two": lambda x: x[:, 1:] * x[:, :-1],
    "difference, one repeated": lambda x: x - x[:, :1],
    "moves": lambda x: jnp.concatenate([x[:, ::2, 3:9], x[:, 1::2, 9:3:-1]], axis=1).swapaxes(1, 2),
    "padding": lambda x: jnp.pad(jax.nn.relu(x), ((0, 0), (2, 1), (0, 3))),
    "absolute": lambda x: jnp.abs(x) @ jnp.ones((CHANNELS, 3)),
    "softmax": lambda x: jax.nn.softmax(3 * x, axis=-1),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_int8_operator_has_the_bytes_of_micro(name: str, tmp_path: Path):
    file = int8_function(OPERATORS[name])
    inputs = any_bytes(file, 10)
    np.testing.assert_array_equal(run_c(file, inputs, tmp_path), run_tflm(file, inputs).outputs)


FRONTENDS: dict[str, tuple[Feature, ...]] = {
    "mfcc": (MFCC(n_mfcc=13, n_mels=40, pre_emphasis=0.97, lifter=22),),
    "log_mel": (LogMel(n_mels=40),),
    "many": (ZCR(), RMS(), Chroma(), SpectralCentroid(), SpectralFlatness()),
    "recursive": (PCEN(gain=1.0), Rasta(), Centered(time_constant=0.5, variance=True, level=False)),
}


@pytest.mark.parametrize("name", FRONTENDS)
def test_a_frontend_has_the_bytes_of_micro(name: str, voices: np.ndarray, tmp_path: Path):
    """Also where its float operations are many: a difference of the last bit changes a byte only sometimes."""
    stream = split_frontend(Frontend(FRAMING, FRONTENDS[name], (), 8, False), voices)
    with quiet():
        file = quantized_output(frontend_file(stream), BYTES)
        frames = np.concatenate([cut(clip, FRAMING) for clip in voices])
        expected = run_tflm(file, frames, sequence=FRAMING.frames).outputs
    found = run_c(file, frames, tmp_path, sequence=FRAMING.frames)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", FRONTENDS)
def test_a_frontend_with_a_fourier_transform(name: str, voices: np.ndarray, tmp_path: Path):
    """A step from that with matrices, rarely; with and without an FPU."""
    framing = replace(FRAMING, frame_length=256)
    stream = split_frontend(Frontend(framing, FRONTENDS[name], (), 8, False), voices)
    with quiet():
        matrices, transform = frontend_file(stream), fft_frontend_file(stream)
        assert transform
        file = quantized_output(transform, BYTES)
        frames = np.concatenate([cut(clip, framing) for clip in voices])
        expected = run_tflm(quantized_output(matrices, BYTES), frames, sequence=framing.frames).outputs
    for fixed in (0, 1):
        found = run_c(file, frames, tmp_path, framing.frames, [f"-DAERSUT_FIXED_POINT={fixed}"])
        steps = np.abs(found.reshape(expected.shape).astype(int) - expected)
        assert np.mean(steps > 0) <= 0.003
        assert steps.max() <= 1


@pytest.mark.parametrize("fixed", [0, 1])
@pytest.mark.parametrize("length", [4, 8, 64, 1024, 8192])
def test_the_fourier_transform(length: int, fixed: int, tmp_path: Path):
    """Of noise, a tone, an impulse, silence, and of any level: the error is that of float32."""

    def function(samples: Array) -> Array:
        bins = jnp.fft.rfft(samples)
        return jnp.concatenate([bins.real, bins.imag], axis=1)

    noise = np.random.default_rng(0).normal(size=length)
    rows = [noise, 1e-6 * noise, 3e4 * noise, np.cos(np.arange(length)), np.eye(length)[1], np.zeros(length)]
    samples = np.array([*rows, 1e-40 * noise], np.float32)
    with quiet():
        file = to_tflite(function, [(1, length)])
    found = run_c(file, samples, tmp_path, flags=[f"-DAERSUT_FIXED_POINT={fixed}"]).astype(np.float64)
    expected = np.fft.rfft(samples.astype(np.float64))
    error = np.abs(found[:, : length // 2 + 1] + 1j * found[:, length // 2 + 1 :] - expected).max(axis=1)
    assert np.all(error <= 1e-6 * np.abs(expected).max(axis=1) + 1e-37)


def test_a_fourier_transform_of_another_length_keeps_its_matrices(voices: np.ndarray):
    stream = split_frontend(Frontend(replace(FRAMING, frame_length=200), (LogMel(n_mels=20),), (), 8, False), voices)
    assert fft_frontend_file(stream) is None


def test_memory_is_shared_by_tensors_that_do_not_live_together():
    file = int8_model(TCResNet(filters=(8, 12), kernels=(3, 3)))
    function = translate(file, "model")
    tensors = sum(int(np.prod(one.shape)) for one in file.tensors if not one.constant)
    assert 2 * FRAMES * CHANNELS // 2 <= function.arena < tensors


def test_the_table_of_the_sigmoid():
    table = sigmoid_table()
    exact = 65536 / (1 + np.exp(-np.arange(256) / 24))
    assert table[0] == 32768
    assert np.abs(table - np.minimum(exact, 65535)).max() < 1.5
    assert (np.diff(table.astype(int)) >= 0).all()


def test_an_operator_that_the_library_lacks_is_named():
    with quiet():
        file = to_tflite(lambda x: jnp.floor(x), [(1, 8)], name="floor.tflite")
    with pytest.raises(UntranslatableError, match=r"floor\.tflite has the operator FLOOR, which the C library lacks"):
        translate(file, "model")


def test_a_type_that_the_library_lacks_is_named():
    with quiet():
        file = quantize(to_tflite(lambda x: x @ jnp.ones((8, 4)), [(1, 8)]), "int16x8", np.ones((4, 8), np.float32))
    with pytest.raises(UntranslatableError, match=r"^[^(]*, which the C library lacks\.$"):
        translate(file, "model")


def test_a_constant_beyond_the_limit_is_refused():
    wide = LARGEST_CONSTANT // 4 // 8 + 1
    with quiet():
        file = to_tflite(
            lambda x: x @ jnp.asarray(np.random.default_rng(0).normal(size=(8, wide)), jnp.float32), [(1, 8)]
        )
    with pytest.raises(UntranslatableError, match="takes at most 4,000,000"):
        translate(file, "model")


@pytest.mark.parametrize(
    "features",
    [(Relative(LogMel(n_mels=CHANNELS)),), (Relative(LogMel(n_mels=CHANNELS - 1)), LogEnergy())],
    ids=["relative", "relative and another"],
)
def test_features_of_a_window_are_computed_by_rows(features: tuple[Feature, ...], voices: np.ndarray, tmp_path: Path):
    """The window's maximum, and levels below it; of two features, the concatenation needs the whole window."""
    framing = replace(FRAMING, seconds=0.36)
    stream = split_frontend(Frontend(framing, features, (), 8, False), voices[:, : framing.samples])
    assert framing.frames == FRAMES - 1
    graphs, state = trained(TCResNet(filters=(8,), kernels=(3,)), framing.frames)
    with quiet():
        network = probabilities(lambda: graphs.network(state.weights, state.rest), fused=True)
        shape = (framing.frames, CHANNELS)
        classifier = quantize(to_tflite(network, [(1, *shape)]), "int8", clips(50, *shape))
        file = quantized_input(joined(window_file(stream), classifier, "ring"), replace(BYTES, shape=(1, *shape)))
    inputs = any_bytes(file, 10)
    np.testing.assert_array_equal(run_c(file, inputs, tmp_path), run_tflm(file, inputs).outputs)
    if len(features) == 1:
        assert translate(file, "model").arena < 4 * framing.frames * CHANNELS


def test_a_batch_is_refused():
    with quiet():
        file = to_tflite(lambda x: jax.nn.relu(jnp.reshape(x, (2, 4, 1, 3))), [(1, 24)])
        file = quantize(file, "int8", np.ones((4, 24), np.float32))
    pool = {
        "padding": 1, "strideW": 1, "strideH": 1, "filterWidth": 1, "filterHeight": 2, "fusedActivationFunction": 0
    }  # fmt: skip

    def append(model: Any) -> None:
        graph = Graph(model)
        source = int(graph.graph.outputs[0])
        output = graph.add_tensor("pooled", (2, 3, 1, 3), "int8")
        graph.tensor(output).quantization = graph.tensor(source).quantization
        options = schema.Pool2DOptionsT(**pool)
        graph.operators.append(graph.new_operator("MAX_POOL_2D", [source], [output], options))
        graph.graph.outputs = [output]
        for signature in model.signatureDefs or []:
            signature.outputs[0].tensorIndex = output

    with pytest.raises(UntranslatableError, match="MAX_POOL_2D of a batch of 2; expected 1"):
        translate(file.edited(append), "model")


def test_a_comparison_that_repeats_an_input_is_not_computed_in_place(tmp_path: Path):
    """Its 32 results take the memory of an input's eight floats, which are read for each of four rows."""

    def compare(x: Array) -> Array:
        doubled = 2 * x[:, :8].reshape(1, 8)
        return jnp.where(x[:, 8:].reshape(4, 1) > doubled, 1.0, 0.0).reshape(1, 32)

    with quiet():
        file = to_tflite(compare, [(1, 12)])
    inputs = np.random.default_rng(0).normal(size=(20, 12)).astype(np.float32)
    np.testing.assert_array_equal(run_c(file, inputs, tmp_path), run_tflm(file, inputs[:, None][:, 0]).outputs)


def test_a_cast_of_a_part_is_not_computed_in_place(tmp_path: Path):
    """Its eight floats fit into the memory of 32 booleans, of which it reads the first eight."""

    def function(x: Array) -> Array:
        positive = x > 0
        unequal = (positive[:, 8:16] != positive[:, 16:24]).astype(jnp.float32)
        return 2 * unequal + positive[:, :8].astype(jnp.float32)

    with quiet():
        file = to_tflite(function, [(1, 32)])
    inputs = np.random.default_rng(0).normal(size=(20, 32)).astype(np.float32)
    np.testing.assert_array_equal(run_c(file, inputs, tmp_path), run_tflm(file, inputs).outputs)


def test_the_fourier_transform_of_tones_without_noise(tmp_path: Path):
    """The weak bands have the rounding errors of float32 in either transform: a step, in some."""
    framing = replace(FRAMING, seconds=2.0)
    time = np.arange(framing.samples) / framing.sample_rate
    phase = 2 * np.pi * np.cumsum(150 + 50 * np.sin(4 * time)) / framing.sample_rate
    harmonics = sum(8000 / h**2 * np.sin(h * phase + h) for h in range(1, 12))
    tones = np.rint([harmonics, 30_000 * np.sin(2 * np.pi * 200 * time)]).astype(np.int16)
    stream = split_frontend(Frontend(framing, (LogMel(n_mels=40),), (), 8, False), tones)
    with quiet():
        transform = fft_frontend_file(stream)
        assert transform
        frames = np.concatenate([cut(clip, framing) for clip in tones])
        expected = run_tflm(quantized_output(frontend_file(stream), BYTES), frames, sequence=framing.frames).outputs
        file = quantized_output(transform, BYTES)
    for fixed in (0, 1):
        found = run_c(file, frames, tmp_path, framing.frames, [f"-DAERSUT_FIXED_POINT={fixed}"])
        steps = np.abs(found.reshape(expected.shape).astype(int) - expected)
        assert steps.max() <= 1
        assert np.mean(steps > 0) < 0.1


def test_weights_with_a_zero_point_are_refused():
    def shift(model: Any) -> None:
        graph = Graph(model)
        [one] = [one for one in graph.operators if graph.name(one) == "FULLY_CONNECTED"]
        graph.tensor(int(one.inputs[1])).quantization.zeroPoint[0] = 3

    file = int8_function(lambda x: x @ jnp.ones((CHANNELS, 3)))
    with pytest.raises(UntranslatableError, match="the weights of FULLY_CONNECTED have a zero point"):
        translate(file.edited(shift), "model")


def test_a_form_that_no_translator_knows_names_the_operator():
    def drop(model: Any) -> None:
        [one] = [one for one in model.subgraphs[0].operators if Graph(model).name(one) == "ADD"]
        one.inputs = one.inputs[:1]

    with pytest.raises(UntranslatableError, match="ADD has a form that the C library lacks"):
        translate(int8_function(lambda x: x[:, 1:] + x[:, :-1]).edited(drop), "model")


def test_an_lstm_that_keeps_its_state_between_clips_is_refused():
    """Without the operators that clear the state, it would begin with whatever the arena contains."""
    file = int8_model(MODELS["cnn_lstm"])

    def keep(model: Any) -> None:
        operators = model.subgraphs[0].operators
        graph = Graph(model)
        model.subgraphs[0].operators = [
            one for one in operators if not (graph.name(one) == "SLICE" and graph.tensor(one.outputs[0]).isVariable)
        ]

    with pytest.raises(UntranslatableError, match="LSTM reads a state that no operator initializes"):
        translate(file.edited(keep), "model")
