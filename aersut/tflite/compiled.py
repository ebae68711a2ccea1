"""LiteRT's CompiledModel, its interface for Android, iOS and C++, here by its Python binding on the CPU.

It runs in another process, because it prints at the end of the process, and a file that it refuses may leave memory.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aersut.errors import UserError
from aersut.tflite.child import run_in_child
from aersut.tflite.file import TFLiteFile

if TYPE_CHECKING:
    from jaxtyping import Float

SECONDS = 300.0


def run_compiled(file: TFLiteFile, examples: Float[np.ndarray, "examples ..."]) -> Float[np.ndarray, "examples ..."]:
    """Real outputs of a file with one input and one output in CompiledModel, run example by example.

    Quantized formats are converted by their scale and zero point.

    Raises:
        UserError: CompiledModel cannot run the file, for example because an operator has variable tensors.
    """
    [source], [result] = file.inputs, file.outputs
    with tempfile.TemporaryDirectory() as folder:
        model, inputs, outputs = (Path(folder) / name for name in ("model.tflite", "inputs.npy", "outputs.npy"))
        model.write_bytes(file.content)
        np.save(inputs, source.quantize(examples))
        np.save(outputs, np.zeros((len(examples), *result.shape[1:]), result.type))
        log = Path(folder) / "log"
        status = run_in_child("aersut.tflite.compiled", (str(model), str(inputs), str(outputs)), log, SECONDS)
        if status is None:
            raise UserError(f"{file.name}: LiteRT's CompiledModel did not end within {SECONDS:g} s.")
        if status != 0:
            printed = log.read_text(errors="replace") if log.exists() else ""
            reasons = re.findall(r"^(?:ERROR|\w*Error): (?:\[\S+\] )?(.*)$", printed, re.MULTILINE)
            reason = reasons[0] if reasons else f"it ended with status {status}."
            raise UserError(f"{file.name} cannot be run by LiteRT's CompiledModel: {reason}")
        return np.stack([result.dequantize(one) for one in np.load(outputs)])


PRELOADED = ("ai_edge_litert.compiled_model",)


def child(progress: Callable[[], object], path: str, inputs: str, outputs: str) -> None:
    """Run a file on stored inputs, and replace the content of `outputs`, which has its shape and type."""
    from ai_edge_litert.compiled_model import CompiledModel

    model = CompiledModel.from_file(path)
    [source], [result] = model.create_input_buffers(0), model.create_output_buffers(0)
    found = np.load(outputs)
    for index, example in enumerate(np.load(inputs)):
        source.write(_as_binding(example))
        model.run_by_index(0, [source], [result])
        stored = _as_binding(found[index])
        stored[:] = result.read(stored.size, stored.dtype)
    np.save(outputs, found)


def _as_binding(values: np.ndarray) -> np.ndarray:
    """A flat view of the values, or of the bytes of 16-bit integers, which the binding lacks."""
    flat = values.reshape(-1)
    return flat if flat.dtype == np.float32 else flat.view(np.int8)
