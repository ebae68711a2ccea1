"""Files in LiteRT's CompiledModel."""

import numpy as np
import pytest

from aersut.tflite.compiled import run_compiled
from aersut.tflite.file import Tensor, TFLiteFile
from aersut.tflite.join import quantized_input, quantized_output
from aersut.tflite.litert import LiteRTModel
from tests.export.files import dense

FILE = dense(np.array([[1.0, 2], [3, 4], [0, 5]]))
TENTHS = Tensor("int8", (), "int8", 0.1, -3, constant=False)


@pytest.mark.parametrize("file", [FILE, quantized_output(quantized_input(FILE, TENTHS), TENTHS)])
def test_outputs_are_those_of_the_interpreter(file: TFLiteFile):
    examples = np.random.default_rng(0).normal(size=(3, *file.inputs[0].shape[1:])).astype(np.float32)
    expected = LiteRTModel(file)(examples)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(run_compiled(file, examples), expected, atol=1e-6)
