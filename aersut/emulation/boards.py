"""The emulated boards: the tools for a kind of processor, QEMU's machine, and the memory of each."""

import shutil
from dataclasses import dataclass
from typing import NamedTuple

KB, MB = 1 << 10, 1 << 20


class Memory(NamedTuple):
    """Start and size in bytes."""

    start: int
    size: int


@dataclass(frozen=True)
class Toolchain:
    """GCC and QEMU for a kind of processor.

    Attributes:
        prefix: of the names of GCC and of its tools.
        emulator: QEMU's program.
        packages: of Debian and Ubuntu, which have all of that.
        start: file of the harness with what depends on the processor.
        flags: of GCC, for all boards.
        options: of the emulator.
    """

    prefix: str
    emulator: str
    packages: str
    start: str
    flags: tuple[str, ...]
    options: tuple[str, ...] = ()

    @property
    def missing(self) -> str:
        """The tools that are not installed, and how to install them; empty if all are."""
        tools = (f"{self.prefix}-gcc", f"{self.prefix}-size", self.emulator)
        absent = [tool for tool in tools if not shutil.which(tool)]
        return f"{', '.join(absent)} missing. On Debian and Ubuntu: apt install {self.packages}" if absent else ""


ARM = Toolchain(
    prefix="arm-none-eabi",
    emulator="qemu-system-arm",
    packages="gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm",
    start="cortex_m.c",
    flags=("-mthumb", "--specs=nano.specs", "--specs=nosys.specs"),
)
RISCV = Toolchain(
    prefix="riscv64-unknown-elf",
    emulator="qemu-system-riscv32",
    packages="gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc",
    start="riscv.c",
    flags=("--specs=picolibc.specs",),
    options=("-bios", "none"),
)


@dataclass(frozen=True)
class Board:
    """A board that QEMU emulates. Its memories are larger than those of boards that people buy.

    Attributes:
        processor: whose instructions the code has; the name of the board here.
        machine: QEMU's name of it.
        flags: of GCC.
        code, constants, ram: memories for code, for weights, and for data.
        samples: memory of the harness for the audio.
    """

    processor: str
    machine: str
    flags: tuple[str, ...]
    code: Memory
    constants: Memory
    ram: Memory
    samples: Memory
    toolchain: Toolchain = ARM


def _mps2(processor: str, machine: str, *flags: str, samples: int = 0x2100_0000) -> Board:
    code, constants = Memory(0, 1 * MB), Memory(0x0010_0000, 3 * MB)  # parts of one memory
    ram, audio = Memory(0x2000_0000, 4 * MB), Memory(samples, 16 * MB)
    return Board(processor, machine, flags, code, constants, ram, audio)


def _virt(processor: str, *flags: str) -> Board:
    code, constants = Memory(0x8000_0000, 1 * MB), Memory(0x8010_0000, 3 * MB)  # all are parts of one memory
    ram, audio = Memory(0x8040_0000, 4 * MB), Memory(0x8100_0000, 16 * MB)
    return Board(processor, "virt", flags, code, constants, ram, audio, RISCV)


BOARDS = (
    _mps2("Cortex-M3", "mps2-an385", "-mcpu=cortex-m3"),
    _mps2("Cortex-M4F", "mps2-an386", "-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
    _mps2("Cortex-M7", "mps2-an500", "-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16", samples=0x6000_0000),
    Board(
        processor="Cortex-M33",
        machine="mps2-an505",
        flags=("-mcpu=cortex-m33", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
        code=Memory(0x1000_0000, 1 * MB),
        constants=Memory(0x1010_0000, 3 * MB),
        ram=Memory(0x3800_0000, 2 * MB),
        samples=Memory(0x8000_0000, 16 * MB),
    ),
    Board(
        processor="Cortex-M55",
        machine="mps3-an547",
        flags=("-mcpu=cortex-m55", "-mfloat-abi=hard"),
        code=Memory(0, 512 * KB),
        constants=Memory(0x0100_0000, 2 * MB),
        ram=Memory(0x2000_0000, 512 * KB),
        samples=Memory(0x6000_0000, 16 * MB),
    ),
    _mps2("Cortex-M0+", "mps2-an385", "-mcpu=cortex-m0plus"),  # QEMU has no M0+; its M3 executes the same instructions
    _virt("RV32IMC", "-march=rv32imc", "-mabi=ilp32"),
    _virt("RV32IMAFC", "-march=rv32imafc", "-mabi=ilp32f"),
)
"""Cortex-M without FPU, with DSP instructions and FPU, with TrustZone, with Helium, with the fewest instructions (M0+);
RISC-V without FPU (as in ESP32-C3) and with FPU."""
