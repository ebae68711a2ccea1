"""Run a .tflite file in TensorFlow Lite Micro itself, as a board does.

It runs in a process of its own under a time limit, since a malformed file can hang or crash the interpreter.
"""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from aersut.errors import UserError
from aersut.export.flatbuffer import unpack

SECONDS = 300.0
ARENA = 16_000_000
"""The most that a model may take here, in bytes; more than any microcontroller has."""


@dataclass(frozen=True)
class Ran:
    """What came of it.

    Attributes:
        outputs: one row per input, in the output's own type.
        arena: bytes of RAM for one inference, as TensorFlow Lite Micro counts them. Its records hold pointers, so it is
            a little less on a 32-bit board.
    """

    outputs: Shaped[np.ndarray, "inputs *shape"]
    arena: int


def run_tflm(
    file: bytes,
    inputs: Shaped[np.ndarray, "inputs *shape"],
    name: str = "the file",
    *,
    independent: bool = True,
    seconds: float = SECONDS,
) -> Ran:
    """Run a file of one input and one output on each of a stack of inputs, of the input's own shape and type.

    Args:
        name: of the file, for messages.
        independent: what variable tensors hold (an LSTM's state) is cleared before each input.
        seconds: the time limit for all of it.

    Raises:
        UserError: it has no such operator, the file needs too much memory or is malformed, or the time is over.
    """
    unpack(file, name)  # a damaged one is named as such
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.tflite").write_bytes(file)
        np.savez(Path(folder) / "inputs.npz", inputs=inputs, independent=independent)
        package = Path(__file__).parents[2]  # the package that this process runs, wherever the other one starts
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])}
        command = [sys.executable, "-m", "aersut.export.tflm", folder]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise UserError(f"{name}: TensorFlow Lite Micro did not end within {seconds:g} s.") from None
        said = done.stderr.decode(errors="replace")
        if done.returncode != 0:
            raise UserError(f"{name} does not run in TensorFlow Lite Micro: {_reason(said, done.returncode)}")
        arena = re.search(r"Arena allocation total (\d+) bytes", said)
        assert arena, said
        return Ran(np.load(Path(folder) / "outputs.npy"), int(arena[1]))


def _reason(said: str, status: int) -> str:
    if missing := re.search(r"Failed to get registration from op code (\w+)", said):
        return f"it has no operator {missing[1]}."
    if refused := re.search(r"kernels/(\w+)\.cc:\d+ (.*)", said):
        return f"its operator {refused[1].upper()} refuses it ({refused[2]})."
    if "No module named 'tflite_micro'" in said:
        return "it is not installed: pip install 'aersut[export]'."
    if "Failed to resize buffer" in said:
        return f"the file needs an arena of more than {ARENA / 1e6:g} MB."
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith((" ", "Traceback"))]
    return f"{' … '.join(dict.fromkeys(lines[:1] + lines[-1:])) or 'it crashed'} (exit status {status})."


def _child(folder: Path) -> None:
    from tflite_micro.python.tflite_micro import runtime

    given = np.load(folder / "inputs.npz")
    file = (folder / "model.tflite").read_bytes()
    interpreter = runtime.Interpreter.from_bytes(file, arena_size=ARENA)
    outputs = []
    for one in given["inputs"]:
        if given["independent"]:
            interpreter.reset()
        interpreter.set_input(one, 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0))
    interpreter.print_allocations()
    np.save(folder / "outputs.npy", np.stack(outputs))


if __name__ == "__main__":
    _child(Path(sys.argv[1]))
