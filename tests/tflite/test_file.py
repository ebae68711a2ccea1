"""TFLiteFile: operators, tensors and metadata; errors name the file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils

from aersut.errors import UserError
from aersut.tflite.file import Tensor, TFLiteFile, packed
from tests.export.files import dense

FILE = dense(np.arange(6).reshape(2, 3))
INT8 = Tensor("x", (1, 3), "int8", scale=0.5, zero_point=-10, constant=False)


def test_operators_and_tensors():
    assert FILE.operators == ("FULLY_CONNECTED", "SOFTMAX")
    assert [(tensor.name, tensor.shape, tensor.type) for tensor in FILE.inputs] == [("input", (1, 3), "float32")]
    assert [(tensor.name, tensor.shape) for tensor in FILE.outputs] == [("output", (1, 2))]
    assert [tensor.name for tensor in FILE.tensors if tensor.constant] == ["weights"]
    assert {tensor.scale for tensor in FILE.tensors} == {None}


def test_a_file_is_parsed_once_however_often_it_is_read_and_edited(monkeypatch: pytest.MonkeyPatch):
    parsed = []
    parse = flatbuffer_utils.read_model_from_bytearray
    monkeypatch.setattr(
        flatbuffer_utils, "read_model_from_bytearray", lambda content: parsed.append(1) or parse(content)
    )
    file = TFLiteFile(FILE.content)
    assert parsed == []
    assert (len(file.operators), len(file.tensors), file.metadata) == (2, 4, None)
    file.with_metadata({})
    assert parsed == [1]


def test_an_edit_leaves_the_file_unchanged():
    def rename(model: Any) -> None:
        model.subgraphs[0].tensors[0].name = b"renamed"

    assert FILE.edited(rename, name="new.tflite").inputs[0].name == "renamed"
    assert FILE.edited(rename, name="new.tflite").name == "new.tflite"
    assert FILE.edited(rename).name == FILE.name
    assert FILE.inputs[0].name == FILE.model().subgraphs[0].tensors[0].name.decode() == "input"


def test_metadata_is_read_back_and_replaced_and_the_file_still_runs():
    assert FILE.metadata is None
    once = FILE.with_metadata({"labels": ["sad", "überrascht"]})
    twice = once.with_metadata({"scale": 0.1 + 0.2})
    assert once.metadata == {"labels": ["sad", "überrascht"]}
    assert twice.metadata == {"scale": 0.1 + 0.2}
    assert len(twice.model().metadata) == 1
    interpreter = Interpreter(model_content=twice.content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.array([[1, 0, 0]], np.float32))
    interpreter.invoke()
    np.testing.assert_allclose(interpreter.get_tensor(3), [[1 / (1 + np.exp(3)), 1 / (1 + np.exp(-3))]], rtol=1e-6)


def test_metadata_holds_no_nan():
    with pytest.raises(ValueError, match="JSON compliant"):
        FILE.with_metadata(float("nan"))


@pytest.mark.parametrize("odd", [1, 5, 23])
def test_constants_are_aligned_to_16_bytes(odd: int):
    model = FILE.with_metadata("x" * odd).model()
    # a vector equal to a constant, but without alignment, is written first
    model.subgraphs[0].operators[0].customOptions = np.array(model.buffers[1].data)
    for length in (1, 3, 17):
        model.buffers.append(schema.BufferT(data=np.full(length, 7, np.uint8)))
    content = packed(model).content
    read = schema.Model.GetRootAs(content)
    starts = []
    for index in range(read.BuffersLength()):
        if read.Buffers(index).DataLength():
            starts.append(content.index(read.Buffers(index).DataAsNumpy().tobytes()))
    assert len(starts) == 5
    assert read.Buffers(1)._tab.Vector(read.Buffers(1)._tab.Offset(4)) % 16 == 0


def test_equal_vectors_are_stored_once_and_read_as_before():
    model = dense(np.arange(1000).reshape(500, 2)).model()
    zeros = schema.QuantizationParametersT(scale=np.linspace(1, 2, 500, dtype=np.float32), zeroPoint=np.zeros(500, int))
    sizes = [len(packed(model).content)]
    for index in (1, 2):
        model.subgraphs[0].tensors[index].quantization = zeros
        file = packed(model)
        sizes.append(len(file.content))
    assert sizes[1] - sizes[0] > 500 * (4 + 8)
    assert sizes[2] - sizes[1] < 100
    for tensor in file.model().subgraphs[0].tensors[1:3]:
        np.testing.assert_array_equal(tensor.quantization.scale, zeros.scale)
        np.testing.assert_array_equal(tensor.quantization.zeroPoint, zeros.zeroPoint)


@pytest.mark.parametrize("keep", [6, 40, len(FILE.content) // 2, len(FILE.content) - 1])
def test_a_truncated_file_is_named(keep: int):
    with pytest.raises(UserError, match=r"model\.tflite is (a damaged|not a) \.tflite file"):
        _ = TFLiteFile(FILE.content[:keep], "model.tflite").operators


@pytest.mark.parametrize("content", [b"", b"hello", b"RIFF\0\0\0\0WAVEfmt "])
def test_a_file_of_another_format_is_named(content: bytes):
    with pytest.raises(UserError, match=r"voice\.wav is not a \.tflite file"):
        TFLiteFile(content, "voice.wav")


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"m\.tflite cannot be read: No such file"):
        TFLiteFile.read(tmp_path / "m.tflite")


def test_quantized_values_and_back():
    assert INT8.quantize(np.array([0.0, 1.3, 1000.0, -1000.0])).tolist() == [-10, -7, 127, -128]
    assert INT8.dequantize(np.array([-10, -7], np.int8)).tolist() == [0.0, 1.5]


def test_float_values_are_unchanged():
    plain = Tensor("x", (1,), "float32", None, None, False)
    values = np.array([1.7], np.float32)
    assert plain.quantize(values) is values
    assert plain.dequantize(values) is values
