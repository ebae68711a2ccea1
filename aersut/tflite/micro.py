"""Run a .tflite file in TensorFlow Lite Micro itself, the interpreter of microcontrollers.

The interpreter runs in a subprocess under a time limit, because a malformed file can hang or crash it.
"""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped

from aersut.errors import UserError
from aersut.tflite.file import TFLiteFile

SECONDS = 300.0
ARENA = 16_000_000
"""Size of the tensor arena on this machine, in bytes; more RAM than any microcontroller has."""


@dataclass(frozen=True)
class TFLMResult:
    """Outputs and memory of a file in TensorFlow Lite Micro.

    Attributes:
        outputs: one per input, in the type of the output tensor.
        arena: bytes of tensor arena (the RAM for activations), as TensorFlow Lite Micro counts them. They contain
            pointers, so a 32-bit board needs a little less.
    """

    outputs: Shaped[np.ndarray, "inputs *shape"]
    arena: int


def run_tflm(
    file: TFLiteFile,
    inputs: Shaped[np.ndarray, "inputs *shape"],
    seconds: float = SECONDS,
    sequence: int | None = None,
) -> TFLMResult:
    """Run a file on each of `inputs`, without a reset between them, and return its first output.

    A second input is a state, f32[1, size], and the second output is its next value.

    Args:
        inputs: examples without their batch axis, in the type of the input tensor. Integer tensors take stored values
            (`Tensor.quantize`), and outputs are stored values too.
        seconds: time limit for the whole call.
        sequence: number of adjacent inputs of one sequence, at whose start the state is zero; None for all inputs.

    Raises:
        UserError: TensorFlow Lite Micro lacks an operator, the file is damaged or needs too much memory, or the time
            limit is exceeded.
    """
    file.model()  # raises for a damaged file, which could crash the interpreter
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.tflite").write_bytes(file.content)
        np.save(Path(folder) / "inputs.npy", inputs[:, None])
        package = Path(__file__).parents[2]  # the same package as here, whatever the subprocess would import
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])}
        command = [sys.executable, "-m", "aersut.tflite.micro", folder, str(sequence or len(inputs))]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise UserError(f"{file.name}: TensorFlow Lite Micro did not end within {seconds:g} s.") from None
        log = done.stderr.decode(errors="replace")
        if done.returncode != 0:
            raise UserError(f"{file.name} does not run in TensorFlow Lite Micro: {_reason(log, done.returncode)}")
        arena = re.search(r"Arena allocation total (\d+) bytes", log)
        assert arena, log
        return TFLMResult(np.load(Path(folder) / "outputs.npy")[:, 0], int(arena[1]))


def run_tflm_float(file: TFLiteFile, examples: Float[np.ndarray, "examples *shape"]) -> TFLMResult:
    """`run_tflm` with real inputs and outputs; quantized formats are converted by their scale and zero point."""
    result = run_tflm(file, file.inputs[0].quantize(examples))
    return replace(result, outputs=file.outputs[0].dequantize(result.outputs))


def _reason(log: str, status: int) -> str:
    if missing := re.search(r"Failed to get registration from op code (\w+)", log):
        return f"the interpreter has no kernel for operator {missing[1]}."
    if refused := re.search(r"kernels/(\w+)\.cc:\d+ (.*)", log):
        return f"kernel {refused[1]} failed ({refused[2]})."
    if "No module named 'tflite_micro'" in log:
        return "the package tflite-micro is not installed: pip install 'aersut[export]'."
    if "Failed to resize buffer" in log:
        return f"the file needs a tensor arena of more than {ARENA / 1e6:g} MB."
    lines = [line for line in log.splitlines() if line.strip() and not line.startswith((" ", "Traceback"))]
    return f"{' … '.join(dict.fromkeys(lines[:1] + lines[-1:])) or 'it crashed'} (exit status {status})."


def _child(folder: Path, sequence: int) -> None:
    from tflite_micro.python.tflite_micro import runtime

    content = (folder / "model.tflite").read_bytes()
    interpreter = runtime.Interpreter.from_bytes(content, arena_size=ARENA)
    inputs = TFLiteFile(content, "model.tflite").inputs
    state = np.zeros(inputs[1].shape, np.float32) if len(inputs) > 1 else None
    outputs = []
    for index, one in enumerate(np.load(folder / "inputs.npy")):
        interpreter.set_input(one, 0)
        if state is not None:
            interpreter.set_input(state if index % sequence else np.zeros_like(state), 1)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0))
        state = None if state is None else interpreter.get_output(1)
    interpreter.print_allocations()
    np.save(folder / "outputs.npy", np.stack(outputs))


if __name__ == "__main__":
    _child(Path(sys.argv[1]), int(sys.argv[2]))
