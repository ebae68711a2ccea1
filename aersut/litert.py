"""A .tflite file in LiteRT, whatever number format its input and output are in."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from aersut.errors import UserError
from aersut.quiet import quiet


class Model:
    """A file with one input and one output, run example by example on one thread.

    Attributes:
        shape: of one example, without the batch axis.
        output: of what it gives for one.
    """

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            UserError: it is not there, is no .tflite file, or has several inputs or outputs, as a streaming one has.
        """
        from ai_edge_litert.interpreter import Interpreter

        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}.") from None
        if content[4:8] != b"TFL3":
            raise UserError(f"{path} is no TensorFlow Lite file (it lacks the mark TFL3).")
        try:
            with quiet():
                self._interpreter: Any = Interpreter(model_content=content, num_threads=1)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise UserError(f"{path} cannot be run by LiteRT: {error}") from None
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise UserError(f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; expected one of each.")
        [self._into], [self._out] = inputs, outputs
        self.shape, self.output = (
            tuple(int(size) for size in details["shape"][1:]) for details in (self._into, self._out)
        )

    def __call__(self, examples: Float[np.ndarray, "examples ..."]) -> Float[np.ndarray, "examples classes"]:
        """The output of each example as real numbers; an integer format is converted by its scale and zero point."""
        rows = []
        for example in examples:
            self._interpreter.set_tensor(self._into["index"], _quantized(example, self._into)[None])
            self._interpreter.invoke()
            rows.append(_real(self._interpreter.get_tensor(self._out["index"])[0], self._out))
        return np.stack(rows)


def _quantized(values: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    dtype, (scale, zero) = np.dtype(details["dtype"]), details["quantization"]
    if dtype.kind != "i":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values / scale) + zero, limits.min, limits.max).astype(dtype)


def _real(values: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    scale, zero = details["quantization"]
    if np.dtype(details["dtype"]).kind != "i":
        return values.astype(np.float32)
    return ((values.astype(np.float32) - zero) * scale).astype(np.float32)
