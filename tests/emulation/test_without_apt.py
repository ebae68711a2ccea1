"""The C library as code of a Cortex-M4F by Clang (package `ziglang`), in `unicorn`: a second compiler and emulator."""

import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from aersut.board import frames_of
from aersut.contracts import Framing
from aersut.data.collection import collect
from aersut.export.c_library.host import find_compiler, host_program
from aersut.run_folder import Run
from aersut.tflite.file import TFLiteFile

ziglang = pytest.importorskip("ziglang")
unicorn = pytest.importorskip("unicorn")
from unicorn import arm_const  # noqa: E402

TARGET = ("-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp", "-O2", "-std=c99")
LINKED = ("-nostartfiles", "-rtlib=compiler-rt", "-ffunction-sections", "-Wl,--gc-sections")
INCLUDES = ("generic-musl", "arm-linux-musl", "arm-linux-any")
RAM, STACK, RETURN = 0x2000_0000, 0x2040_0000, 0x0080_0000
INPUT, OUTPUT, ARENA = RAM, RAM + 0x10_0000, RAM + 0x20_0000


@pytest.fixture
def function(finished: Run, tmp_path: Path) -> Callable[[str], Callable[..., None]]:
    """Compile the library with a function as its entry; a call writes memory, and calls it with two or three words."""

    def compiled(name: str) -> Callable[..., None]:
        source, program = finished.export / "c" / "src", tmp_path / name
        headers = Path(ziglang.__file__).parent / "lib" / "libc" / "include"
        files = [source / f"aersut_{part}.c" for part in ("kernels", "fft", "model")]
        subprocess.run(
            [sys.executable, "-m", "ziglang", "cc", *TARGET, *LINKED, f"-Wl,--entry={name}"]
            + [f"-isystem{headers / folder}" for folder in INCLUDES]
            + [*map(str, files), "-o", str(program)],
            check=True,
            env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(tmp_path), "ZIG_LOCAL_CACHE_DIR": str(tmp_path)},
        )
        machine, entry = _loaded(program.read_bytes())

        def call(memory: Mapping[int, bytes], *words: int) -> bytes:
            for address, content in memory.items():
                machine.mem_write(address, content)
            for register, word in enumerate(words):
                machine.reg_write(arm_const.UC_ARM_REG_R0 + register, word)
            machine.reg_write(arm_const.UC_ARM_REG_SP, STACK)
            machine.reg_write(arm_const.UC_ARM_REG_LR, RETURN | 1)
            machine.emu_start(entry, RETURN)
            return bytes(machine.mem_read(OUTPUT, 4096))

        return call

    return compiled


def _loaded(elf: bytes):
    machine = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    machine.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
    machine.mem_map(0, 0x0100_0000)
    machine.mem_map(RAM, STACK - RAM)
    entry, headers = struct.unpack_from("<II", elf, 24)
    for number in range(*struct.unpack_from("<H", elf, 44)):
        kind, offset, address, _, size, _ = struct.unpack_from("<6I", elf, headers + 32 * number)
        if kind == 1:  # to be loaded
            machine.mem_write(address, elf[offset : offset + size])
    return machine, entry | 1


def test_clang_has_the_bytes_of_this_machine_on_a_cortex_m4f(finished: Run, function: Callable[[str], Callable]):
    frontend, classifier = function("aersut_run_frontend"), function("aersut_run_classifier")
    source = finished.export / "c" / "src"
    files = {f"src/{path.name}": path.read_text() for path in source.iterdir()}
    header = files["src/aersut_model.h"]
    offset, channels = (int(re.findall(rf"#define AERSUT_{name} (\d+)", header)[0]) for name in ("WINDOW", "CHANNELS"))
    framing = Framing(**TFLiteFile.read(finished.export / "frontend.tflite").metadata["framing"])
    clips = collect(finished.experiment.data, finished.experiment.framing)
    samples = frames_of(clips.window(0), framing)[: framing.frames]
    labels = (finished.export / "labels.txt").read_text().split()
    with host_program(files, find_compiler() or ("gcc",)) as program:
        frames = program.frontend(samples, len(samples), channels)
        window = frames[np.newaxis]
        probabilities = program.classifier(window, len(labels))
    assert len(np.unique(frames)) > 20
    for one, frame in zip(samples, frames, strict=True):
        assert frontend({INPUT: one.tobytes()}, INPUT, OUTPUT, ARENA)[: frame.size] == frame.tobytes()
    found = classifier({ARENA + offset: window.tobytes()}, OUTPUT, ARENA)
    assert found[: len(labels)] == probabilities.tobytes()
