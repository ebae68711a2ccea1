"""LiteRT's CompiledModel, its interface for Android, iOS and C++, here by its Python binding on the CPU.

It runs in a subprocess, because it prints at the end of the process, and a file that it refuses may leave memory.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aersut.errors import UserError
from aersut.tflite.file import TFLiteFile
from aersut.workers import python_module

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
        command, environment = python_module("aersut.tflite.compiled", *map(str, (model, inputs, outputs)))
        try:
            subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise UserError(f"{file.name}: LiteRT's CompiledModel did not end within {SECONDS:g} s.") from None
        except subprocess.CalledProcessError as error:
            reasons = re.findall(r"^(?:ERROR|\w*Error): (?:\[\S+\] )?(.*)$", error.stderr, re.MULTILINE)
            reason = reasons[0] if reasons else f"it ended with status {error.returncode}."
            raise UserError(f"{file.name} cannot be run by LiteRT's CompiledModel: {reason}") from None
        return np.stack([result.dequantize(one) for one in np.load(outputs)])


def _main(path: str, inputs: str, outputs: str) -> None:
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


if __name__ == "__main__":
    _main(*sys.argv[1:])
