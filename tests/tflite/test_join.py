"""Joined files, and int8 input and output."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from aersut.tflite.file import Tensor, TFLiteFile
from aersut.tflite.join import joined, quantized_input, quantized_output
from tests.export.files import dense

FIRST, SECOND = dense(np.arange(6).reshape(2, 3)), dense(np.array([[1.0, 2], [3, 4], [0, 5]]))
TENTHS = Tensor("int8", (), "int8", 0.1, -3, constant=False)
VALUES = np.array([[0.1, 0.2, -0.3]], np.float32)


def run(file: TFLiteFile, values: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=file.content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_the_second_file_reads_the_output_of_the_first():
    file = joined(FIRST, SECOND, "both.tflite")
    np.testing.assert_array_equal(run(file, VALUES), run(SECOND, run(FIRST, VALUES)))
    assert (file.name, file.outputs[0].shape) == ("both.tflite", (1, 3))


def test_an_output_is_quantized():
    file = quantized_output(FIRST, TENTHS)
    [output] = file.outputs
    assert (output.type, output.scale, output.zero_point) == ("int8", pytest.approx(0.1), -3)
    np.testing.assert_array_equal(run(file, VALUES), TENTHS.quantize(run(FIRST, VALUES)))
    np.testing.assert_allclose(TENTHS.dequantize(run(file, VALUES)), run(FIRST, VALUES), atol=0.05)


def test_an_input_is_quantized():
    file = quantized_input(FIRST, TENTHS)
    assert file.inputs[0].type == "int8"
    stored = TENTHS.quantize(VALUES)
    np.testing.assert_array_equal(run(file, stored), run(FIRST, TENTHS.dequantize(stored)))


def test_between_a_float_file_and_an_int8_one_values_are_quantized():
    file = joined(FIRST, quantized_input(SECOND, TENTHS), "both.tflite")
    assert file.operators[1:4] == ("SOFTMAX", "QUANTIZE", "DEQUANTIZE")
    rounded = TENTHS.dequantize(TENTHS.quantize(run(FIRST, VALUES)))
    np.testing.assert_allclose(run(file, VALUES), run(SECOND, rounded), atol=1e-6)
