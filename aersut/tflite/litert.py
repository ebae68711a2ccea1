"""The LiteRT interpreter for a .tflite file of any number format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aersut.errors import UserError
from aersut.quiet import quiet
from aersut.tflite.file import TFLiteFile

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped


class LiteRTModel:
    """A file with one input and one output, run example by example on one thread.

    Attributes:
        shape: of one input example, without the batch axis.
        output: shape of one output, without the batch axis.
    """

    def __init__(self, file: TFLiteFile) -> None:
        """Load a file.

        Raises:
            UserError: LiteRT cannot run it, or it has more than one input or output.
        """
        self._interpreter = make_interpreter(file)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise UserError(f"{file.name} has {len(inputs)} inputs and {len(outputs)} outputs; expected one of each.")
        self._indices = inputs[0]["index"], outputs[0]["index"]
        [self._input], [self._output] = file.inputs, file.outputs
        self.shape, self.output = self._input.shape[1:], self._output.shape[1:]

    def __call__(self, examples: Float[np.ndarray, "examples ..."]) -> Float[np.ndarray, "examples classes"]:
        """Real outputs of real inputs; quantized formats are converted by their scale and zero point."""
        stored = self._input.quantize(examples)
        return np.stack([self._output.dequantize(self.invoke(example[None])[0]) for example in stored])

    def invoke(self, stored: np.ndarray) -> np.ndarray:
        """The stored output for one stored input, both with their batch axis."""
        self._interpreter.set_tensor(self._indices[0], stored)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._indices[1]))


class LiteRTSequence:
    """A file that is run over a sequence on one thread.

    If it has a second input and output, they are a state, which starts as zeros and is carried from item to item.
    """

    def __init__(self, file: TFLiteFile) -> None:
        """Load a file; `UserError` if LiteRT cannot run it."""
        self._interpreter = make_interpreter(file)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self._item, *self._state = [one["index"] for one in inputs]
        self._output, *self._next_state = [one["index"] for one in outputs]
        self._zeros = [np.zeros(one["shape"], one["dtype"]) for one in inputs[1:]]

    def __call__(self, items: Shaped[np.ndarray, "items *shape"]) -> Shaped[np.ndarray, "items *output"]:
        """The stored output for each stored input."""
        interpreter, rows = self._interpreter, []
        for index, zeros in zip(self._state, self._zeros, strict=True):
            interpreter.set_tensor(index, zeros)
        for item in items:
            interpreter.set_tensor(self._item, item[None])
            interpreter.invoke()
            rows.append(interpreter.get_tensor(self._output)[0])
            for index, after in zip(self._state, self._next_state, strict=True):
                interpreter.set_tensor(index, interpreter.get_tensor(after))
        return np.stack(rows)


def make_interpreter(file: TFLiteFile) -> Any:
    """LiteRT's interpreter of a file, on one thread; `UserError` if LiteRT cannot run it."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        with quiet():
            interpreter: Any = Interpreter(model_content=file.content, num_threads=1)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise UserError(f"{file.name} cannot be run by LiteRT: {error}") from None
    return interpreter
