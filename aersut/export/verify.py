"""Run an exported file where it will run: in LiteRT, on real features."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from aersut.errors import UserError

TOLERANCE = 1e-4
"""The largest difference of a probability between the float32 file and JAX."""


def run_litert(
    model: bytes, features: Float[np.ndarray, "clips frames channels"]
) -> Float[np.ndarray, "clips classes"]:
    """The probabilities that a .tflite file gives for scaled features, clip by clip on one thread."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter: Any = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    [into], [out] = interpreter.get_input_details(), interpreter.get_output_details()
    probabilities = []
    for clip in features:
        interpreter.set_tensor(into["index"], clip[None])
        interpreter.invoke()
        probabilities.append(interpreter.get_tensor(out["index"])[0])
    return np.stack(probabilities)


@dataclass(frozen=True)
class Agreement:
    """How a file's probabilities compare with JAX's.

    Attributes:
        difference: the largest, over all clips and classes.
        same: the share of clips that both give the same emotion.
    """

    difference: float
    same: float


def compare(file: Float[np.ndarray, "clips classes"], reference: Float[np.ndarray, "clips classes"]) -> Agreement:
    """Compare a file's probabilities with the reference's."""
    return Agreement(
        difference=float(np.abs(file - reference).max()),
        same=float(np.mean(file.argmax(1) == reference.argmax(1))),
    )


def refuse_difference(agreement: Agreement) -> None:
    """Raise `UserError` where a float32 file does not do what JAX does."""
    if not agreement.difference <= TOLERANCE:
        raise UserError(
            f"the float32 file differs from JAX by {agreement.difference:.2g} in a probability, more than {TOLERANCE}; "
            "nothing was exported. A model's operator must be converting wrongly."
        )
