"""The LiteRT interpreter for a .tflite file of any number format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aersut.errors import UserError
from aersut.quiet import quiet
from aersut.tflite.file import TFLiteFile

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

    Rows = Shaped[np.ndarray, "items *output"]
    State = list[np.ndarray]


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
    """A file that is run over the items of sequences on one thread.

    If it has a second input and output, they are a state, which starts as zeros and is carried from item to item.
    """

    def __init__(self, file: TFLiteFile) -> None:
        """Load a file; `UserError` if LiteRT cannot run it."""
        self._interpreter = make_interpreter(file)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self._item, *self._state = [one["index"] for one in inputs]
        self._output, *self._next_state = [one["index"] for one in outputs]
        self._zeros = zero_state(file)

    def __call__(self, items: Shaped[np.ndarray, "items *shape"], state: State | None = None) -> tuple[Rows, State]:
        """The stored output for each of at least one stored input, and the state after the last one.

        Args:
            state: before the first item; None at the start of a sequence.
        """
        interpreter, rows = self._interpreter, []
        for index, value in zip(self._state, self._zeros if state is None else state, strict=True):
            interpreter.set_tensor(index, value)
        for item in items:
            interpreter.set_tensor(self._item, item[None])
            interpreter.invoke()
            rows.append(interpreter.get_tensor(self._output)[0])
            state = [interpreter.get_tensor(index) for index in self._next_state]
            for index, value in zip(self._state, state, strict=True):
                interpreter.set_tensor(index, value)
        assert state is not None
        return np.stack(rows), state


def zero_state(file: TFLiteFile) -> State:
    """The state before the first item of a sequence: zeros for each input after the first."""
    return [np.zeros(one.shape, one.type) for one in file.inputs[1:]]


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
