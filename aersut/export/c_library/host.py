"""The C library compiled on this machine, to compare its outputs with those of TensorFlow Lite Micro."""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int8, Int16

from aersut.errors import UserError

PROGRAM = Path(__file__).parent / "verify.c"
FLAGS = ("-std=c99", "-O2")
FIXED_POINT = "-DAERSUT_FIXED_POINT=1"
"""Compiles the library for this machine as for a processor without an FPU."""
SECONDS = 300.0
COMPILERS = ("cc", "gcc", "clang")


@dataclass(frozen=True)
class HostProgram:
    """The library with `verify.c`, compiled; it exists inside the block of `host_program`."""

    path: Path

    def frontend(self, samples: Int16[np.ndarray, "frames length"], sequence: int, channels: int) -> np.ndarray:
        """The features of frames, i8[frames, channels]; the state is zero at the start of each `sequence`."""
        return np.frombuffer(self.run(samples.tobytes(), "frontend", sequence), np.int8).reshape(-1, channels)

    def classifier(self, windows: Int8[np.ndarray, "windows frames channels"], classes: int) -> np.ndarray:
        """The probabilities of windows, i8[windows, classes]."""
        return np.frombuffer(self.run(windows.tobytes(), "classifier"), np.int8).reshape(-1, classes)

    def stream(self, samples: Int16[np.ndarray, " samples"], block: int) -> list[tuple[str, list[float]]]:
        """The emotion and the probabilities of each window of a stream that arrives in blocks."""
        lines = self.run(samples.tobytes(), "stream", block).decode().splitlines()
        return [(emotion, [float(value) for value in values]) for emotion, *values in map(str.split, lines)]

    def self_test(self) -> None:
        """Run `aersut_self_test`; `UserError` if it fails."""
        if self.run(b"", "self-test") != b"passed":
            raise UserError("aersut_self_test() of the C library fails on this machine.")

    def run(self, content: bytes, *arguments: str | int) -> bytes:
        """Run the program with bytes as its standard input; return its standard output."""
        command = [str(self.path), *map(str, arguments)]
        try:
            done = subprocess.run(command, input=content, capture_output=True, timeout=SECONDS)
        except OSError as error:
            raise UserError(f"the compiled C library does not run on this machine ({error}).") from None
        except subprocess.TimeoutExpired:
            raise UserError(f"the C library did not end within {SECONDS:g} s.") from None
        if done.returncode != 0:
            raise UserError(
                f"the C library ended with status {done.returncode} ({done.stderr.decode()[-200:].strip()})."
            )
        return done.stdout


def find_compiler() -> tuple[str, ...] | None:
    """The command of a C compiler: `$CC`, or the first of `COMPILERS` that is installed."""
    wanted = shlex.split(os.environ.get("CC", ""))
    found = ([command] for command in COMPILERS)
    return next((tuple(command) for command in ([wanted] if wanted else found) if shutil.which(command[0])), None)


@contextmanager
def host_program(
    files: Mapping[str, str], compiler: Sequence[str], flags: Sequence[str] = FLAGS
) -> Iterator[HostProgram]:
    """Compile the library's files with `verify.c` in a temporary folder.

    Raises:
        UserError: the compiler fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        program = Path(folder) / "verify"
        sources = sorted(str(path) for path in (Path(folder) / "src").glob("*.c"))
        include = f"-I{Path(folder) / 'src'}"
        command = [*compiler, *flags, include, str(PROGRAM), *sources, "-lm", "-o", str(program)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no reason"]
            reason = next((line for line in lines if "error" in line), lines[0])
            raise UserError(f"the compiler {' '.join(compiler)} refused the C library: {reason}")
        yield HostProgram(program)
