"""The LiteRT interpreter for a .tflite file of any number format."""

from typing import Any

import numpy as np
from jaxtyping import Float

from aersut.errors import UserError
from aersut.quiet import quiet
from aersut.tflite.file import TFLiteFile


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
        from ai_edge_litert.interpreter import Interpreter

        try:
            with quiet():
                self._interpreter: Any = Interpreter(model_content=file.content, num_threads=1)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise UserError(f"{file.name} cannot be run by LiteRT: {error}") from None
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
