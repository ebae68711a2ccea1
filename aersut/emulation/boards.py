"""The emulated boards: QEMU's machine, the compiler's options, and the memory of each."""

from dataclasses import dataclass
from typing import NamedTuple

KB, MB = 1 << 10, 1 << 20


class Memory(NamedTuple):
    """Start and size in bytes."""

    start: int
    size: int


@dataclass(frozen=True)
class Board:
    """A board that QEMU emulates. Its memories are larger than those of boards that people buy.

    Attributes:
        machine: QEMU's name of it.
        processor: of the board.
        flags: of GCC.
        code, constants, ram: memories for code, for weights, and for data.
        samples: memory of the harness for the audio.
    """

    machine: str
    processor: str
    flags: tuple[str, ...]
    code: Memory
    constants: Memory
    ram: Memory
    samples: Memory


def _mps2(machine: str, processor: str, *flags: str, samples: int = 0x2100_0000) -> Board:
    code, constants = Memory(0, 1 * MB), Memory(0x0010_0000, 3 * MB)  # parts of one memory
    ram, audio = Memory(0x2000_0000, 4 * MB), Memory(samples, 16 * MB)
    return Board(machine, processor, flags, code, constants, ram, audio)


BOARDS = (
    _mps2("mps2-an385", "Cortex-M3", "-mcpu=cortex-m3"),
    _mps2("mps2-an386", "Cortex-M4F", "-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
    _mps2("mps2-an500", "Cortex-M7", "-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16", samples=0x6000_0000),
    Board(
        machine="mps2-an505",
        processor="Cortex-M33",
        flags=("-mcpu=cortex-m33", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
        code=Memory(0x1000_0000, 1 * MB),
        constants=Memory(0x1010_0000, 3 * MB),
        ram=Memory(0x3800_0000, 2 * MB),
        samples=Memory(0x8000_0000, 16 * MB),
    ),
    Board(
        machine="mps3-an547",
        processor="Cortex-M55",
        flags=("-mcpu=cortex-m55", "-mfloat-abi=hard"),
        code=Memory(0, 512 * KB),
        constants=Memory(0x0100_0000, 2 * MB),
        ram=Memory(0x2000_0000, 512 * KB),
        samples=Memory(0x6000_0000, 16 * MB),
    ),
)
"""One for each kind of Cortex-M: without FPU, with DSP instructions and FPU, with TrustZone, with Helium."""
