"""Every exportable model in every number format, in LiteRT and in TensorFlow Lite Micro, against JAX."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aersut.errors import UserError
from aersut.export.convert import classifier_graphs, probabilities, to_tflite
from aersut.export.lstm import LSTM
from aersut.export.quantize import FORMATS, INTEGER, quantize
from aersut.export.runtimes import litert_runtimes
from aersut.export.verify import largest_difference
from aersut.quiet import quiet
from aersut.registry import MODELS
from aersut.tflite.file import TFLiteFile
from aersut.tflite.litert import LiteRTModel
from aersut.tflite.micro import run_tflm_float
from tests.export.models import CHANNELS, CLASSES, FRAMES, clips, small, trained

MODEL_NAMES = [*(name for name in MODELS.names() if MODELS[name].exportable), "bidirectional"]
NEAR = {"float32": 1e-5, "float16": 2e-3, "dynamic": 0.04, "int8": 0.08, "int16x8": 0.02}
"""The largest allowed difference of a probability from JAX."""


@functools.cache
def converted(name: str) -> tuple[TFLiteFile, TFLiteFile, np.ndarray]:
    """The unquantized files of a model for float and integer formats, and JAX's probabilities of `clips(20)`."""
    graphs, state = trained(small(name))
    with quiet():
        files = classifier_graphs(lambda: graphs.network(state.weights, state.rest), (FRAMES, CHANNELS))
    return *files, np.asarray(
        jax.jit(probabilities(lambda: graphs.network(state.weights, state.rest), fused=False))(clips(20))
    )


@functools.cache
def quantized(name: str, number_format: str) -> TFLiteFile:
    """A model in one format."""
    floating, integer, _ = converted(name)
    return quantize(integer if number_format in INTEGER else floating, number_format, clips(20))


@pytest.mark.parametrize("number_format", FORMATS)
@pytest.mark.parametrize("name", MODEL_NAMES)
def test_a_file_agrees_with_jax(name: str, number_format: str):
    _, integer, reference = converted(name)
    if number_format == "int16x8" and LSTM in integer.operators:
        with pytest.raises(UserError, match="no int16x8 version of UNIDIRECTIONAL_SEQUENCE_LSTM"):
            quantized(name, number_format)
        return
    if (name, number_format) == ("cnn2d", "int16x8"):
        pytest.skip("TensorFlow's int16 SUM is incorrect; the export omits the file where it differs too much")
    file = quantized(name, number_format)
    assert np.ptp(reference) > 0.3
    with quiet():
        outputs = LiteRTModel(file)(clips(20))
    assert largest_difference(outputs, reference) <= NEAR[number_format]
    integer_lstm = LSTM in file.operators
    assert not integer_lstm or number_format == "int8"
    if name in ("cnn", "cnn_lstm", "bidirectional"):
        found = litert_runtimes(file, clips(20), outputs)  # which runs it in CompiledModel
        assert ("compiled_model" in found) is not integer_lstm
        assert ("litertjs" in found) is (number_format not in INTEGER)
    if number_format in ("float32", "int8"):
        result = run_tflm_float(file, clips(20))
        assert largest_difference(result.outputs, reference) <= NEAR[number_format]
        assert result.arena < 100_000


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_int8_is_int8_throughout(name: str):
    file = quantized(name, "int8")
    assert {tensor.type for tensor in (*file.inputs, *file.outputs)} == {"int8"}
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(file.operators)
    computed = {tensor.type for tensor in file.tensors if not tensor.constant and tensor.shape != (0,)}
    assert computed <= {"int8", "int16"}, "int16 is the LSTM's cells"


def test_an_operator_that_micro_has_in_float_only_is_named():
    with quiet():
        base = to_tflite(lambda x: jnp.exp(-jnp.abs(x)), [(1, FRAMES, CHANNELS)])
    with pytest.raises(UserError, match=r"model_int8\.tflite does not run in TensorFlow Lite Micro: kernel exp failed"):
        run_tflm_float(quantize(base, "int8", clips(5)), clips(1))


def test_weights_are_stored_in_the_bits_of_the_format():
    large = {
        name: {
            tensor.type
            for tensor in quantized("cnn_lstm", name).tensors
            if tensor.constant and len(tensor.shape) in (2, 4) and tensor.shape[0] > 1  # not the zeros of states
        }
        for name in ("float32", "float16", "dynamic", "int8")
    }
    assert large["float32"] == {"float32"}
    assert large["float16"] == {"float16"}
    assert "int8" in large["dynamic"]
    assert "float32" not in large["int8"]


def test_calibration_sets_the_ranges():
    base, *_ = converted("cnn")
    narrow, wide = (quantize(base, "int8", factor * clips(20)).inputs[0].scale for factor in (1, 10))
    assert wide == pytest.approx(10 * narrow, rel=1e-3)


def test_a_residual_connection_does_not_widen_the_range_of_its_summand():
    file = quantized("bidirectional", "int8")
    states = [tensor for tensor in file.tensors if tensor.name.startswith("CONCAT") or "concatenate" in tensor.name]
    assert [tensor.scale <= 2 / 255 for tensor in states] == [True], "an LSTM's outputs are between -1 and 1"


@pytest.mark.parametrize("name", [name for name in MODEL_NAMES if name != "bidirectional"])
def test_a_batch_of_any_size(name: str):
    from ai_edge_litert.interpreter import Interpreter

    graphs, state = trained(small(name))
    function = probabilities(lambda: graphs.network(state.weights, state.rest), fused=False)
    with quiet():
        interpreter = Interpreter(model_content=to_tflite(function, [(None, FRAMES, CHANNELS)]).content)
    into, out = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    for count in (1, 7):
        interpreter.resize_tensor_input(into, (count, FRAMES, CHANNELS))
        interpreter.allocate_tensors()
        interpreter.set_tensor(into, clips(count))
        interpreter.invoke()
        assert interpreter.get_tensor(out).shape == (count, CLASSES)
        np.testing.assert_allclose(interpreter.get_tensor(out), jax.jit(function)(clips(count)), atol=1e-5)
