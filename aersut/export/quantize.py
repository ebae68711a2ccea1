"""Conversion of a float32 file to the other number formats."""

import contextlib
import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aersut.bundle_files import classifier_file
from aersut.errors import UserError
from aersut.export.lstm import clear_states
from aersut.export.ranges import Stack, with_ranges
from aersut.tflite.file import TFLiteFile


def float32(file: TFLiteFile, _: Stack) -> TFLiteFile:
    """The file unchanged."""
    return file


def float16(file: TFLiteFile, _: Stack) -> TFLiteFile:
    """Weights in float16, converted back to float32 before use; half the size."""
    from ai_edge_quantizer import algorithm_manager, qtyping

    weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    config = qtyping.OpQuantizationConfig(
        weight_tensor_config=weights, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
    )
    everything, casting = qtyping.TFLOperationName.ALL_SUPPORTED, algorithm_manager.AlgorithmName.FLOAT_CASTING
    return _by_recipe(file, lambda tool: tool.update_quantization_recipe(".*", everything, config, casting))


def dynamic(file: TFLiteFile, _: Stack) -> TFLiteFile:
    """Dynamic range: int8 weights; float32 activations, quantized in each operator with weights. LiteRT only."""
    from ai_edge_quantizer import recipe

    rules = recipe.dynamic_wi8_afp32()
    return _by_recipe(file, lambda tool: tool.load_quantization_recipe(rules))


def int8(file: TFLiteFile, calibration: Stack) -> TFLiteFile:
    """Weights, activations, input and output in int8; the ranges of activations are those over `calibration`."""
    import tensorflow as tf
    from tensorflow.lite.python import convert
    from tensorflow.lite.python.optimize import calibrator

    observed = with_ranges(TFLiteFile(calibrator.add_intermediate_tensors(file.content)), calibration)
    types = {"input_data_type": tf.int8, "output_data_type": tf.int8}
    return TFLiteFile(convert.mlir_quantize(observed.content, fully_quantize=True, **types))


def int16x8(file: TFLiteFile, calibration: Stack) -> TFLiteFile:
    """Activations, input and output in int16, weights in int8."""
    import tensorflow as tf
    from tensorflow.lite.python.optimize import calibrator

    quantizer = calibrator.Calibrator(calibrator.add_intermediate_tensors(file.content), [], [])
    try:
        return TFLiteFile(
            quantizer.calibrate_and_quantize(
                lambda: ([clip[None]] for clip in calibration),
                *(tf.int16, tf.int16, False),
                activations_type=tf.int16,
                bias_type=tf.int64,
            )
        )
    except RuntimeError as error:
        if named := re.search(r"not yet supported for op: '(\w+)'", str(error)):
            raise UserError(f"TensorFlow's quantizer has no int16x8 version of {named[1]}.") from None
        raise


FORMATS: dict[str, Callable[[TFLiteFile, Stack], TFLiteFile]] = {
    one.__name__: one for one in (float32, float16, dynamic, int8, int16x8)
}


INTEGER = ("int8", "int16x8")
"""The formats with integer activations."""


def quantize(base: TFLiteFile, number_format: str, calibration: Stack) -> TFLiteFile:
    """Convert a result of `aersut.export.convert.classifier_graphs` to one of `FORMATS`.

    The new file is named `classifier_file(number_format)`.

    Args:
        calibration: scaled features, one network input per clip; only the integer formats read them.

    Raises:
        UserError: the format lacks an operator, which is named.
    """
    return FORMATS[number_format](base, calibration).edited(clear_states, name=classifier_file(number_format))


def _by_recipe(file: TFLiteFile, choose: Callable[[Any], None]) -> TFLiteFile:
    from ai_edge_quantizer import quantizer

    with tempfile.TemporaryDirectory() as folder:  # the quantizer reads from disk only
        path = Path(folder) / "model.tflite"
        path.write_bytes(file.content)
        tool = quantizer.Quantizer(str(path))
        choose(tool)
        with contextlib.redirect_stdout(io.StringIO()):
            content = bytes(tool.quantize().quantized_model)
    return TFLiteFile(content)
