"""Every exportable model in every number format, in LiteRT and in TensorFlow Lite Micro, against JAX."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aersut.errors import UserError
from aersut.export.bridge import probabilities, to_tflite
from aersut.export.flatbuffer import describe
from aersut.export.quantize import FORMATS, quantize
from aersut.export.verify import compare, run_litert, run_micro
from aersut.quiet import quiet
from aersut.registry import MODELS
from tests.export.models import CHANNELS, CLASSES, FRAMES, clips, small, trained

MODEL_NAMES = [*(name for name in MODELS.names() if MODELS[name].exportable), "bidirectional"]
NEAR = {"float32": 1e-5, "float16": 2e-3, "dynamic": 0.04, "int8": 0.08, "int16x8": 0.02}
"""How far a probability may be from JAX's."""


@functools.cache
def converted(name: str) -> tuple[bytes, np.ndarray]:
    """The unquantized file of a model, and JAX's probabilities of `clips(20)`."""
    graphs, state = trained(small(name))
    with quiet():
        base = to_tflite(probabilities(graphs, state, fused=True), [(1, FRAMES, CHANNELS)])
    return base, np.asarray(jax.jit(probabilities(graphs, state, fused=False))(clips(20)))


@pytest.mark.parametrize("number_format", FORMATS)
@pytest.mark.parametrize("name", MODEL_NAMES)
def test_a_file_answers_as_jax_does(name: str, number_format: str):
    base, reference = converted(name)
    if number_format == "int16x8" and "UNIDIRECTIONAL_SEQUENCE_LSTM" in describe(base).operators:
        with pytest.raises(UserError, match="no int16x8 version of UNIDIRECTIONAL_SEQUENCE_LSTM"):
            quantize(base, number_format, clips(20))
        return
    if (name, number_format) == ("cnn2d", "int16x8"):
        pytest.skip("TensorFlow's int16 SUM errs; the export leaves the file out where that shows")
    file = quantize(base, number_format, clips(20))
    assert np.ptp(reference) > 0.3
    with quiet():
        assert compare(run_litert(file, clips(20)), reference).difference <= NEAR[number_format]
    if number_format in ("float32", "int8"):
        outputs, arena = run_micro(file, clips(20))
        assert compare(outputs, reference).difference <= NEAR[number_format]
        assert arena < 100_000


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_int8_is_int8_throughout(name: str):
    about = describe(quantize(converted(name)[0], "int8", clips(20)))
    assert {tensor.type for tensor in (*about.inputs, *about.outputs)} == {"int8"}
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(about.operators)
    computed = {tensor.type for tensor in about.tensors if not tensor.constant and tensor.shape != (0,)}
    assert computed <= {"int8", "int16"}, "int16 is the LSTM's cells"


def test_an_operator_that_boards_have_in_float_alone_is_named():
    with quiet():
        base = to_tflite(lambda x: jnp.exp(-jnp.abs(x)), [(1, FRAMES, CHANNELS)])
    with pytest.raises(UserError, match=r"exp\.tflite does not run in TensorFlow Lite Micro: its operator EXP"):
        run_micro(quantize(base, "int8", clips(5)), clips(1), "exp.tflite")


def test_weights_are_stored_in_the_bits_of_the_format():
    base, _ = converted("cnn_lstm")
    large = {
        name: {
            tensor.type
            for tensor in describe(quantize(base, name, clips(20))).tensors
            if tensor.constant and len(tensor.shape) > 1
        }
        for name in ("float32", "float16", "dynamic", "int8")
    }
    assert large["float32"] == {"float32"}
    assert "float16" in large["float16"]
    assert "int8" in large["dynamic"]
    assert "float32" not in large["int8"]


def test_calibration_decides_the_ranges():
    base, _ = converted("cnn")
    narrow, wide = (describe(quantize(base, "int8", factor * clips(20))).inputs[0].scale for factor in (1, 10))
    assert wide == pytest.approx(10 * narrow, rel=1e-3)


def test_a_residual_does_not_spoil_the_range_of_what_is_added():
    file = quantize(converted("bidirectional")[0], "int8", clips(20))
    states = [
        tensor for tensor in describe(file).tensors if tensor.name.startswith("CONCAT") or "concatenate" in tensor.name
    ]
    assert [tensor.scale <= 2 / 255 for tensor in states] == [True], "an LSTM's outputs lie between -1 and 1"


@pytest.mark.parametrize("name", [name for name in MODEL_NAMES if name != "bidirectional"])
def test_a_batch_of_any_size(name: str):
    from ai_edge_litert.interpreter import Interpreter

    graphs, state = trained(small(name))
    function = probabilities(graphs, state, fused=False)
    with quiet():
        interpreter = Interpreter(model_content=to_tflite(function, [(None, FRAMES, CHANNELS)]))
    into, out = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    for count in (1, 7):
        interpreter.resize_tensor_input(into, (count, FRAMES, CHANNELS))
        interpreter.allocate_tensors()
        interpreter.set_tensor(into, clips(count))
        interpreter.invoke()
        assert interpreter.get_tensor(out).shape == (count, CLASSES)
        np.testing.assert_allclose(interpreter.get_tensor(out), jax.jit(function)(clips(count)), atol=1e-5)
