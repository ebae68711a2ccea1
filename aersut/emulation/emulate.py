"""Build an export's C library for emulated boards, run it there, and compare every byte with TensorFlow Lite Micro."""

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int8, Int16

from aersut.board import frames_of, read_pair, stride
from aersut.bundle_files import FRONTEND
from aersut.contracts import Framing
from aersut.emulation.boards import BOARDS, Board, Memory
from aersut.errors import UserError
from aersut.progress import stage
from aersut.tflite.file import TFLiteFile
from aersut.tflite.micro import run_tflm

HARNESS = Path(__file__).parent / "harness"
FLAGS = ("-std=c99", "-O2", "-ffunction-sections", "-fdata-sections")
LINKED = ("-nostartfiles", "-Wl,--gc-sections", "-lm")
SPUN = 200_000
"""Instructions of the loop that calibrates the counter."""
SECONDS = 600.0


@dataclass(frozen=True)
class Measurements:
    """What the library took on a board.

    Attributes:
        flash: bytes of code and constants of the smallest program that uses the library.
        ram: `sizeof(aersut)` in bytes, all memory apart from the stack.
        stack: bytes.
        frame_instructions: executed by `aersut_push` for the samples of one hop, mean.
        window_instructions: executed by `aersut_classify`, maximum. A processor takes one cycle or more for each.
    """

    flash: int
    ram: int
    stack: int
    frame_instructions: int
    window_instructions: int


@dataclass(frozen=True)
class Emulation:
    """The outputs of the library on a board.

    Attributes:
        emotions: of the windows of the stream, "silence" and "uncertain" included.
        differing: number of bytes of features and probabilities that differ from those of TensorFlow Lite Micro.
        compared: number of bytes that were compared.
        error: what differs by more than it may; empty if nothing does. Features may, by one step, where the library has
            a Fourier transform of its own.
    """

    board: Board
    emotions: tuple[str, ...]
    differing: int
    compared: int
    error: str
    measured: Measurements


@dataclass(frozen=True)
class Failure:
    """A board on which the library cannot be built or run, and the reason."""

    board: Board
    reason: str


@dataclass(frozen=True)
class Reference:
    """TensorFlow Lite Micro on a recording.

    Attributes:
        frames: the features that it computes.
        steps: by which the features of the library may differ.
    """

    frames: Int8[np.ndarray, "frames channels"]
    steps: int
    classifier: TFLiteFile
    framing: Framing

    def windows(self, frames: Int8[np.ndarray, "frames channels"]) -> Int8[np.ndarray, "windows classes"]:
        """The probabilities of the windows of a stream of features, as far apart as in the library."""
        length = self.framing.frames
        ends = range(length, len(frames) + 1, stride(self.framing))
        windows = np.stack([frames[end - length : end] for end in ends])
        return run_tflm(self.classifier, windows).outputs.reshape(len(windows), -1)


def emulate(
    export: Path, samples: Int16[np.ndarray, " samples"], boards: Sequence[Board] = BOARDS, block: int = 160
) -> Iterator[Emulation | Failure]:
    """Run `export/c` on each board with a recording at the sample rate of the run.

    Args:
        export: the folder of an export.
        block: samples per call of `aersut_push`.

    Raises:
        UserError: the export has no C library, a tool is missing, or the recording is too short.
    """
    library = export / "c"
    if not (library / "src" / "aersut_model.c").exists():
        raise UserError(
            f"{export} has no c/ with the C library; export the run again with TensorFlow Lite Micro (without "
            "--export.micro=false; docs/edge.md)."
        )
    if missing := [board.toolchain.missing for board in boards if board.toolchain.missing]:
        raise UserError(missing[0])
    with (
        stage("running frontend and classifier in TensorFlow Lite Micro", len(boards)) as shown,
        tempfile.TemporaryDirectory() as folder,
    ):
        expected = reference(export, samples)
        audio = Path(folder) / "samples.c"
        audio.write_text(_samples(samples))
        for board in boards:
            shown.say(f"building and running the C library for {board.processor}")
            try:
                flash = _flash(board, _built(board, library, Path(folder), [HARNESS / "size.c"]))
                program = _built(board, library, Path(folder), [HARNESS / "main.c", audio], block)
                yield _emulation(board, _run(board, program), expected, flash)
            except UserError as error:
                yield Failure(board, str(error))
            shown.update()


def reference(export: Path, samples: Int16[np.ndarray, " samples"]) -> Reference:
    """Run the frontend of an export on a recording.

    Raises:
        UserError: see `read_pair`; or the recording is shorter than a window.
    """
    frontend, classifier = read_pair(export / FRONTEND, "framing")
    framing = Framing(**frontend.metadata["framing"])
    least = framing.samples + framing.frame_length
    if len(samples) < least:
        raise UserError(f"the recording has {len(samples):,} samples; one window needs {least:,}.")
    inputs = frames_of(samples, framing)
    frames = run_tflm(frontend, inputs).outputs.reshape(len(inputs), -1)
    generated = (export / "c" / "src" / "aersut_model.c").read_text()
    return Reference(frames, int("aersut_rfft" in generated), classifier, framing)


def _samples(samples: Int16[np.ndarray, " samples"]) -> str:
    numbers = ",".join(map(str, samples))
    return f"""#include <stdint.h>
const int32_t harness_count = {len(samples)};
__attribute__((section(".samples"))) const int16_t harness_samples[] = {{{numbers}}};
"""


def _built(board: Board, library: Path, folder: Path, sources: Sequence[Path], block: int = 160) -> Path:
    tools, script, program = (
        board.toolchain,
        folder / f"{board.processor}.ld",
        folder / f"{board.processor}-{sources[0].stem}.elf",
    )
    memories: Mapping[str, Memory] = {
        "CODE": board.code, "CONSTANTS": board.constants, "RAM": board.ram, "SAMPLES": board.samples
    }  # fmt: skip
    lines = [f"  {name} (rwx) : ORIGIN = {one.start:#x}, LENGTH = {one.size}" for name, one in memories.items()]
    script.write_text("\n".join(["MEMORY {", *lines, "}", (HARNESS / "link.ld").read_text()]))
    command = [
        *(f"{tools.prefix}-gcc", *tools.flags, *board.flags, *FLAGS),
        *(f"-DHARNESS_BLOCK={block}", f"-I{library / 'src'}", f"-I{HARNESS}"),
        *map(str, [HARNESS / tools.start, *sources, *sorted((library / "src").glob("*.c"))]),
        *(f"-T{script}", *LINKED, "-o", str(program)),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        told = re.compile("[Ee]rror:|undefined reference|ld: (?!.*: in function)")
        errors = [line for line in done.stderr.splitlines() if told.search(line)]
        reason = (errors or done.stderr.splitlines() or ["no reason"])[0].rpartition("ld: ")[2]
        raise UserError(f"the C library cannot be built for {board.processor}: {reason}")
    return program


def _flash(board: Board, program: Path) -> int:
    done = subprocess.run(
        [f"{board.toolchain.prefix}-size", "-A", str(program)], capture_output=True, text=True, check=True
    )
    rows = [line.split() for line in done.stdout.splitlines()]
    return sum(int(row[1]) for row in rows if row and row[0] in (".text", ".rodata", ".data"))


def _run(board: Board, program: Path) -> list[list[str]]:
    """The lines that the program prints, divided into words."""
    command = [
        *(board.toolchain.emulator, *board.toolchain.options, "-machine", board.machine, "-kernel", str(program)),
        *("-icount", "shift=0", "-display", "none", "-serial", "none", "-monitor", "none"),
        *("-semihosting-config", "enable=on,target=native"),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise UserError(f"{board.processor}: the program did not end within {SECONDS:g} s.") from None
    lines = [line.split() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if done.returncode != 0 or ["self-test", "passed"] not in lines:
        raise UserError(f"{board.processor}: the program failed ({' '.join(lines[-1]) if lines else 'no output'}).")
    return lines


def _emulation(board: Board, lines: list[list[str]], expected: Reference, flash: int) -> Emulation:
    def rows(kind: str, width: int) -> np.ndarray:
        found = b"".join(bytes.fromhex(line[1]) for line in lines if line[0] == kind)
        return np.frombuffer(found, np.int8).reshape(-1, width)

    frames = rows("frame", expected.frames.shape[1])
    if not 0 <= len(expected.frames) - len(frames) <= 1:  # padding ends the last frame of the reference
        raise UserError(f"{board.processor}: {len(frames)} of {len(expected.frames)} frames were computed.")
    likely = expected.windows(frames)
    windows = rows("window", likely.shape[1])
    if len(windows) != len(likely):
        raise UserError(f"{board.processor}: {len(windows)} of {len(likely)} windows were computed.")
    steps = np.abs(frames.astype(int) - expected.frames[: len(frames)])
    wrong, most = int(np.count_nonzero(windows != likely)), int(steps.max())
    error = f"{wrong:,} of {windows.size:,} probabilities differ" if wrong else ""
    if most > expected.steps:
        error = f"{np.count_nonzero(steps):,} of {frames.size:,} features differ, by up to {most} steps"
    [measured] = [[int(word, 16) for word in line[1:]] for line in lines if line[0] == "measured"]
    spun, frame, window, stack, ram = measured
    return Emulation(
        board,
        emotions=tuple(" ".join(line[1:]) for line in lines if line[0] == "emotion"),
        differing=int(np.count_nonzero(steps)) + wrong,
        compared=frames.size + windows.size,
        error=error,
        measured=Measurements(flash, ram, stack, *(round(ticks * SPUN / spun) for ticks in (frame, window))),
    )
