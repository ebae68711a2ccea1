"""A file's operators, tensors and metadata; what is no file is named."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from aersut.errors import UserError
from aersut.export.flatbuffer import describe, metadata, pack, unpack, with_metadata
from tests.export.files import dense

FILE = dense(np.arange(6).reshape(2, 3))


def test_describe_lists_operators_and_tensors():
    found = describe(FILE)
    assert found.operators == ("FULLY_CONNECTED", "SOFTMAX")
    assert [(tensor.name, tensor.shape, tensor.type) for tensor in found.inputs] == [("input", (1, 3), "float32")]
    assert [(tensor.name, tensor.shape) for tensor in found.outputs] == [("output", (1, 2))]
    assert [tensor.name for tensor in found.tensors if tensor.constant] == ["weights"]
    assert {tensor.scale for tensor in found.tensors} == {None}


def test_metadata_is_read_back_and_replaced_and_the_file_still_runs():
    assert metadata(FILE) is None
    once = with_metadata(FILE, {"labels": ["sad", "überrascht"]})
    twice = with_metadata(once, {"scale": 0.1 + 0.2})
    assert metadata(once) == {"labels": ["sad", "überrascht"]}
    assert metadata(twice) == {"scale": 0.1 + 0.2}
    assert len(unpack(twice).metadata) == 1
    interpreter = Interpreter(model_content=twice)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.array([[1, 0, 0]], np.float32))
    interpreter.invoke()
    np.testing.assert_allclose(interpreter.get_tensor(3), [[1 / (1 + np.exp(3)), 1 / (1 + np.exp(-3))]], rtol=1e-6)


def test_metadata_holds_no_nan():
    with pytest.raises(ValueError, match="JSON compliant"):
        with_metadata(FILE, float("nan"))


@pytest.mark.parametrize("odd", [1, 5, 23])
def test_values_of_tensors_lie_at_multiples_of_16_bytes(odd: int):
    model = unpack(with_metadata(FILE, "x" * odd))
    # what is equal to a tensor's values, but need not be aligned, is written first
    model.subgraphs[0].operators[0].customOptions = np.array(model.buffers[1].data)
    for length in (1, 3, 17):
        model.buffers.append(schema.BufferT(data=np.full(length, 7, np.uint8)))
    file = pack(model)
    read = schema.Model.GetRootAs(file)
    starts = []
    for place in range(read.BuffersLength()):
        if read.Buffers(place).DataLength():
            starts.append(file.index(read.Buffers(place).DataAsNumpy().tobytes()))
    assert len(starts) == 5
    assert read.Buffers(1)._tab.Vector(read.Buffers(1)._tab.Offset(4)) % 16 == 0


def test_equal_vectors_are_stored_once_and_read_as_before():
    model = unpack(dense(np.arange(1000).reshape(500, 2)))
    zeros = schema.QuantizationParametersT(scale=np.linspace(1, 2, 500, dtype=np.float32), zeroPoint=np.zeros(500, int))
    alone = len(pack(model))
    model.subgraphs[0].tensors[1].quantization = zeros
    once = pack(model)
    model.subgraphs[0].tensors[2].quantization = zeros
    twice = pack(model)
    assert len(once) - alone > 500 * (4 + 8)
    assert len(twice) - len(once) < 100
    for tensor in unpack(twice).subgraphs[0].tensors[1:3]:
        np.testing.assert_array_equal(tensor.quantization.scale, zeros.scale)
        np.testing.assert_array_equal(tensor.quantization.zeroPoint, zeros.zeroPoint)


@pytest.mark.parametrize("keep", [6, 40, len(FILE) // 2, len(FILE) - 1])
def test_a_truncated_file_is_named(keep: int):
    with pytest.raises(UserError, match=r"model\.tflite is (a damaged|no) \.tflite file"):
        describe(FILE[:keep], "model.tflite")


@pytest.mark.parametrize("content", [b"", b"hello", b"RIFF\0\0\0\0WAVEfmt "])
def test_what_is_no_tflite_file_is_named(content: bytes):
    with pytest.raises(UserError, match=r"voice\.wav is no \.tflite file"):
        metadata(content, "voice.wav")
