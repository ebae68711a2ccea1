"""A float32 file in the other number formats."""

import contextlib
import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from aersut.errors import UserError
from aersut.export.flatbuffer import pack, unpack
from aersut.export.lstm import clear_states, shrink_weights
from aersut.export.ranges import with_ranges

Stack = Float[np.ndarray, "clips *shape"]


def float32(file: bytes, _: Stack) -> bytes:
    """As it is."""
    return file


def float16(file: bytes, _: Stack) -> bytes:
    """Weights in 16 bits, which are converted back to float32 before they are used; half the size."""
    from ai_edge_quantizer import algorithm_manager, qtyping

    weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    config = qtyping.OpQuantizationConfig(
        weight_tensor_config=weights, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
    )
    everything, casting = qtyping.TFLOperationName.ALL_SUPPORTED, algorithm_manager.AlgorithmName.FLOAT_CASTING
    return _by_recipe(
        file, lambda quantizer: quantizer.update_quantization_recipe(".*", everything, config, casting), "float16"
    )


def dynamic(file: bytes, _: Stack) -> bytes:
    """Weights in 8 bits; activations are float32, and are quantized for each matmul as they come. For LiteRT alone."""
    from ai_edge_quantizer import recipe

    rules = recipe.dynamic_wi8_afp32()
    return _by_recipe(file, lambda quantizer: quantizer.load_quantization_recipe(rules), "int8")


def int8(file: bytes, calibration: Stack) -> bytes:
    """Everything in 8 bits, input and output too; the ranges of activations are those over `calibration`."""
    import tensorflow as tf
    from tensorflow.lite.python import convert
    from tensorflow.lite.python.optimize import calibrator

    observed = with_ranges(calibrator.add_intermediate_tensors(file), calibration)
    return bytes(
        convert.mlir_quantize(observed, fully_quantize=True, input_data_type=tf.int8, output_data_type=tf.int8)
    )


def int16x8(file: bytes, calibration: Stack) -> bytes:
    """Activations, input and output in 16 bits, weights in 8."""
    import tensorflow as tf
    from tensorflow.lite.python.optimize import calibrator

    quantizer = calibrator.Calibrator(calibrator.add_intermediate_tensors(file), [], [])
    try:
        return bytes(
            quantizer.calibrate_and_quantize(
                lambda: ([clip[None]] for clip in calibration),
                *(tf.int16, tf.int16, False),
                activations_type=tf.int16,
                bias_type=tf.int64,
            )
        )
    except RuntimeError as error:
        if named := re.search(r"not yet supported for op: '(\w+)'", str(error)):
            raise UserError(f"there is no int16x8 version of {named[1]}.") from None
        raise


FORMATS: dict[str, Callable[[bytes, Stack], bytes]] = {
    "float32": float32,
    "float16": float16,
    "dynamic": dynamic,
    "int8": int8,
    "int16x8": int16x8,
}


def quantize(base: bytes, number_format: str, calibration: Stack) -> bytes:
    """What `aersut.export.bridge.to_tflite` returns in one of `FORMATS`, ready to be shipped.

    Args:
        calibration: inputs as the network sees them; the integer formats alone need them.

    Raises:
        UserError: an operator has no such version; it is named.
    """
    model = unpack(FORMATS[number_format](base, calibration))
    clear_states(model)
    return pack(model)


def _by_recipe(file: bytes, choose: Callable[[Any], None], weights: Any) -> bytes:
    from ai_edge_quantizer import quantizer

    with tempfile.TemporaryDirectory() as folder:  # it reads files alone
        path = Path(folder) / "model.tflite"
        path.write_bytes(file)
        tool = quantizer.Quantizer(str(path))
        choose(tool)
        with contextlib.redirect_stdout(io.StringIO()):
            model = unpack(bytes(tool.quantize().quantized_model))
    shrink_weights(model, weights)
    return pack(model)
