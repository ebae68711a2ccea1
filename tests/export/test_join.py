"""Files that hand on to one another, and int8 where it is asked for."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from aersut.export.flatbuffer import Tensor, describe
from aersut.export.join import joined, quantized_input, quantized_output
from aersut.export.verify import real, stored
from tests.export.files import dense

FIRST, SECOND = dense(np.arange(6).reshape(2, 3)), dense(np.array([[1.0, 2], [3, 4], [0, 5]]))
TENTHS = Tensor("int8", (), "int8", 0.1, -3, constant=False)
VALUES = np.array([[0.1, 0.2, -0.3]], np.float32)


def run(file: bytes, values: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=file)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_the_second_file_reads_what_the_first_one_gives():
    np.testing.assert_array_equal(run(joined(FIRST, SECOND), VALUES), run(SECOND, run(FIRST, VALUES)))
    assert describe(joined(FIRST, SECOND)).outputs[0].shape == (1, 3)


def test_an_output_is_quantized_as_asked():
    file = quantized_output(FIRST, TENTHS)
    [output] = describe(file).outputs
    assert (output.type, output.scale, output.zero_point) == ("int8", pytest.approx(0.1), -3)
    np.testing.assert_array_equal(run(file, VALUES), stored(run(FIRST, VALUES), TENTHS))
    np.testing.assert_allclose(real(run(file, VALUES), TENTHS), run(FIRST, VALUES), atol=0.05)


def test_an_input_is_quantized_as_asked():
    file = quantized_input(FIRST, TENTHS)
    assert describe(file).inputs[0].type == "int8"
    np.testing.assert_array_equal(run(file, stored(VALUES, TENTHS)), run(FIRST, real(stored(VALUES, TENTHS), TENTHS)))


def test_between_a_float_file_and_an_int8_one_values_are_quantized():
    file = joined(FIRST, quantized_input(SECOND, TENTHS))
    assert describe(file).operators[1:4] == ("SOFTMAX", "QUANTIZE", "DEQUANTIZE")
    rounded = real(stored(run(FIRST, VALUES), TENTHS), TENTHS)
    np.testing.assert_allclose(run(file, VALUES), run(SECOND, rounded), atol=1e-6)
