"""The runtimes that run an exported file."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from aersut.errors import UserError
from aersut.export.lstm import LSTM
from aersut.export.verify import TOLERANCE, largest_difference
from aersut.tflite.compiled import run_compiled
from aersut.tflite.file import TFLiteFile

Runtime = Literal["interpreter", "compiled_model", "litertjs", "tflm"]
RUNTIMES: dict[Runtime, str] = {
    "interpreter": "LiteRT Interpreter",
    "compiled_model": "LiteRT CompiledModel",
    "litertjs": "LiteRT.js (browser)",
    "tflm": "TensorFlow Lite Micro",
}
"""The runtimes by their keys in export.json and in the metadata of each file."""
CLIPS = 50
"""Number of clips on which CompiledModel is compared with the interpreter: both have the same kernels."""


def litert_runtimes(
    file: TFLiteFile, examples: Float[np.ndarray, "clips ..."], outputs: Float[np.ndarray, "clips ..."]
) -> list[Runtime]:
    """The runtimes of LiteRT that run a file, which the interpreter has run already.

    Args:
        outputs: of the interpreter for `examples`, the first of which run in CompiledModel, too.

    Raises:
        UserError: CompiledModel has other outputs than the interpreter.
    """
    found: list[Runtime] = ["interpreter"]
    if _compiled(file, examples[:CLIPS], outputs[:CLIPS]):
        found.append("compiled_model")
    return found if unsupported_in_browser(file) else [*found, "litertjs"]


def _compiled(file: TFLiteFile, examples: np.ndarray, outputs: np.ndarray) -> bool:
    if LSTM in file.operators:  # it does not load variable tensors, where this operator keeps its state
        return False
    step = file.outputs[0].scale or 0.0
    difference = largest_difference(run_compiled(file, examples), outputs)
    if not difference <= max(TOLERANCE, 1.01 * step):
        raise UserError(
            f"{file.name} in LiteRT's CompiledModel differs from LiteRT's Interpreter by {difference:.2g}; nothing was "
            "exported. An operator of the model is computed differently."
        )
    return True


def unsupported_in_browser(file: TFLiteFile) -> str | None:
    """Why LiteRT.js 2.5.3 cannot run a file; None if it can."""
    for tensor in (*file.inputs, *file.outputs):
        if tensor.type != "float32":
            return f"LiteRT.js does not support {tensor.type} inputs and outputs"
    # it fails to load a file with variable tensors, where this operator keeps its state
    if LSTM in file.operators:
        return f"LiteRT.js does not support the operator {LSTM}"
    return None


def runtimes_table(reports: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Lines of Markdown with the runtimes of each file, by the files' reports in export.json."""
    return [
        f"| file | {' | '.join(RUNTIMES.values())} |",
        "|---" * (1 + len(RUNTIMES)) + "|",
        *(
            f"| {name} | {' | '.join('yes' if runtime in report['runtimes'] else '–' for runtime in RUNTIMES)} |"
            for name, report in reports.items()
        ),
    ]


def lstm_notes(files: Sequence[TFLiteFile]) -> list[str]:
    """A sentence about the files with TensorFlow Lite's LSTM operator, if there are any."""
    names = [file.name for file in files if LSTM in file.operators]
    if not names:
        return []
    return [
        f"{LSTM} is supported by LiteRT's Interpreter and TensorFlow Lite Micro, but neither by LiteRT's CompiledModel "
        f"nor in a browser: use a float32, float16 or dynamic file there. Files with this operator: {', '.join(names)}."
    ]
