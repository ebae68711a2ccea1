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

    def __init__(self, content: bytes, name: str = "the file") -> None:
        """Load a file's content.

        Raises:
            UserError: it is no .tflite file, or has several inputs or outputs, as a streaming one has.
        """
        from ai_edge_litert.interpreter import Interpreter

        if content[4:8] != b"TFL3":
            raise UserError(f"{name} is no TensorFlow Lite file (it lacks the mark TFL3).")
        try:
            with quiet():
                self._interpreter: Any = Interpreter(model_content=content, num_threads=1)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise UserError(f"{name} cannot be run by LiteRT: {error}") from None
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise UserError(f"{name} has {len(inputs)} inputs and {len(outputs)} outputs; expected one of each.")
        [self._into], [self._out] = inputs, outputs
        self.shape, self.output = (
            tuple(int(size) for size in details["shape"][1:]) for details in (self._into, self._out)
        )

    @classmethod
    def read(cls, path: Path) -> "Model":
        """Load a file.

        Raises:
            UserError: it cannot be read, or loaded.
        """
        try:
            return cls(path.read_bytes(), str(path))
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}.") from None

    def __call__(self, examples: Float[np.ndarray, "examples ..."]) -> Float[np.ndarray, "examples classes"]:
        """The output of each example as real numbers; an integer format is converted by its scale and zero point."""
        stored = _quantized(examples, self._into)
        return np.stack([_real(self.invoke(example[None])[0], self._out) for example in stored])

    def invoke(self, stored: np.ndarray) -> np.ndarray:
        """The output of one example as it is stored, for an input, with its batch axis, as it is stored."""
        self._interpreter.set_tensor(self._into["index"], stored)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._out["index"]))


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
