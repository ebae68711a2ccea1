"""Run a .tflite file in TensorFlow Lite Micro itself, the interpreter of microcontrollers.

`run_tflm` runs the interpreter in another process under a time limit, because a malformed file can hang or crash it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aersut.errors import UserError
from aersut.tflite.child import run_in_child
from aersut.tflite.file import TFLiteFile
from aersut.tflite.litert import zero_state

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

SECONDS = 300.0
PROGRESS = 100
"""Inputs after which the other process reports that it goes on: a busy machine takes long, but does not hang."""
ARENA = 16_000_000
"""Size of the tensor arena on this machine, in bytes; more RAM than any microcontroller has."""
ARENA_STEP = 64
"""Resolution of a tensor arena above the printed total, in bytes."""


@dataclass(frozen=True)
class TFLMResult:
    """Outputs and memory of a file in TensorFlow Lite Micro.

    Attributes:
        outputs: one per input, in the type of the output tensor.
        arena: bytes of the smallest tensor arena (the RAM for activations) in which a new interpreter ran, at least the
            total that TensorFlow Lite Micro prints. That total may be too small: memory that its planner needs for a
            moment is not part of it. It contains pointers, so a 32-bit board needs a little less.
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
        seconds: time limit for the start, and for every `PROGRESS` inputs.
        sequence: number of adjacent inputs of one sequence, at whose start the state is zero; None for all inputs.

    Raises:
        UserError: TensorFlow Lite Micro lacks an operator, the file is damaged or needs too much memory, or the time
            limit is exceeded.
    """
    file.model()  # raises for a damaged file, which could crash the interpreter
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.tflite").write_bytes(file.content)
        np.save(Path(folder) / "inputs.npy", inputs)
        log = Path(folder) / "log"
        status = run_in_child("aersut.tflite.micro", (folder, str(sequence or len(inputs))), log, seconds)
        if status is None:
            raise UserError(f"{file.name}: TensorFlow Lite Micro made no progress for {seconds:g} s.")
        if status != 0:
            reason = _reason(log.read_text(errors="replace") if log.exists() else "", status)
            raise UserError(f"{file.name} does not run in TensorFlow Lite Micro: {reason}")
        return TFLMResult(np.load(Path(folder) / "outputs.npy"), int((Path(folder) / "arena").read_text()))


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
        return why_missing()
    if "Failed to resize buffer" in log:
        return f"the file needs a tensor arena of more than {ARENA / 1e6:g} MB."
    lines = [line for line in log.splitlines() if line.strip() and not line.startswith((" ", "Traceback"))]
    return f"{' … '.join(dict.fromkeys(lines[:1] + lines[-1:])) or 'it crashed'} (exit status {status})."


class MicroSequence:
    """A file that is run in this process over the items of sequences, with the interface of `LiteRTSequence`.

    Only for files that have run in TensorFlow Lite Micro before, since the interpreter can crash the process.
    """

    def __init__(self, file: TFLiteFile) -> None:
        """Load a file; `UserError` if it is damaged, or lacks a kernel."""
        from tflite_micro.python.tflite_micro import runtime

        self._zeros = zero_state(file)
        file.model()  # raises for a damaged file
        try:
            self.interpreter: Any = runtime.Interpreter.from_bytes(file.content, arena_size=ARENA)
        except RuntimeError as error:  # the interpreter has printed the reason
            raise UserError(f"{file.name} cannot be run by TensorFlow Lite Micro: {error}") from None

    def __call__(
        self, items: Shaped[np.ndarray, "items *shape"], state: list[np.ndarray] | None = None
    ) -> tuple[Shaped[np.ndarray, "items *output"], list[np.ndarray]]:
        """The stored output for each of at least one stored input, and the state after the last one."""
        interpreter, rows = self.interpreter, []
        state = self._zeros if state is None else state
        for item in items:
            interpreter.set_input(item[None], 0)
            for index, value in enumerate(state, 1):
                interpreter.set_input(value, index)
            interpreter.invoke()
            rows.append(interpreter.get_output(0)[0])
            state = [interpreter.get_output(index) for index in range(1, 1 + len(state))]
        return np.stack(rows), state


def why_missing() -> str:
    """Why the package tflite-micro is not installed here, and what to do; "" if it is."""
    if micro_is_installed():
        return ""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return "the package tflite-micro is for Linux on x86-64 only. Export there, or see docs/platforms.md."
    return "the package tflite-micro is not installed: pip install 'aersut[export]'."


def micro_is_installed() -> bool:
    """Whether the package tflite-micro, which is not part of the base install, is there."""
    return importlib.util.find_spec("tflite_micro") is not None


PRELOADED = ("tflite_micro.python.tflite_micro.runtime",)


def child(progress: Callable[[], object], path: str, count: str) -> None:
    """Run `path`/model.tflite on inputs.npy there, sequences of `count`, and write outputs.npy and arena."""
    folder, sequence = Path(path), int(count)
    content = (folder / "model.tflite").read_bytes()
    model = MicroSequence(TFLiteFile(content, "model.tflite"))
    items = np.load(folder / "inputs.npy")
    parts = []
    for first in range(0, len(items), sequence):
        state = None
        for begin in range(first, min(first + sequence, len(items)), PROGRESS):
            part, state = model(items[begin : min(begin + PROGRESS, first + sequence)], state)
            parts.append(part)
            progress()
    np.save(folder / "outputs.npy", np.concatenate(parts))
    with _stderr(folder / "allocations"):
        model.interpreter.print_allocations()
    total = re.search(r"Arena allocation total (\d+) bytes", (folder / "allocations").read_text(errors="replace"))
    assert total
    (folder / "arena").write_text(str(_smallest_arena(int(total[1]), lambda size: _runs(content, size))))


@contextlib.contextmanager
def _stderr(path: Path) -> Iterator[None]:
    """Redirect the standard error of the process, C++ included, to a file."""
    before = os.dup(2)
    try:
        with path.open("wb") as file:
            os.dup2(file.fileno(), 2)
            yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def _runs(content: bytes, arena: int) -> bool:
    """Whether a new interpreter runs in an arena. In a process of its own, since some kernels crash in a small one."""
    from tflite_micro.python.tflite_micro import runtime

    if child := os.fork():
        return os.waitpid(child, 0)[1] == 0
    status = 1
    try:
        interpreter = runtime.Interpreter.from_bytes(content, arena_size=arena)
        for index, one in enumerate(TFLiteFile(content).inputs):
            interpreter.set_input(np.zeros(one.shape, one.type), index)
        interpreter.invoke()
        status = 0
    finally:
        os._exit(status)


def _smallest_arena(total: int, runs: Callable[[int], bool]) -> int:
    """The smallest arena in which a model `runs`, from `total` in steps of `ARENA_STEP`."""
    if runs(total):
        return total
    low, step = 0, 1  # in steps above the total; `low` is too small
    while not runs(total + step * ARENA_STEP):
        low, step = step, 2 * step
    while step - low > 1:
        middle = (low + step) // 2
        low, step = (low, middle) if runs(total + middle * ARENA_STEP) else (middle, step)
    return total + step * ARENA_STEP
