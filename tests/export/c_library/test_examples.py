"""The examples for boards, compiled against declarations of what they use of Arduino, ESP-IDF and Zephyr.

`tests/export/host/` has the declarations, and a recording in place of the microphone. The emotions that an example
prints are those of the same library in `verify.c`.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from aersut.data.collection import collect
from aersut.export.c_library.host import HostProgram, host_program
from aersut.run_folder import Run

HOST = Path(__file__).parents[1] / "host"
C = ("gcc", "-std=gnu11", "-x", "c")
# as Arduino compiles a sketch for a Nano 33 BLE Sense
CPP = ("g++", "-std=gnu++14", "-DARDUINO_ARCH_NRF52840", "-include", "Arduino.h", "-x", "c++")
WARNINGS = ("-Wall", "-Wextra", "-Werror")
LOST = "samples lost: the buffer is too small, or the board too slow for this model"
SOURCES = {
    "arduino": "examples/pdm_microphone/pdm_microphone.ino",
    "bare_metal": "examples/bare_metal/main.c",
    "esp_idf": "examples/esp_idf/main/main.c",
    "zephyr": "examples/zephyr/src/main.c",
}


@dataclass(frozen=True)
class Example:
    """A compiled example; `gain` is that of its own code, for a microphone without one."""

    program: Path
    gain: int

    def run(self, samples: np.ndarray, status: int = 0, **environment: object) -> list[str]:
        """The lines that it prints for a recording, if it ends with this exit status."""
        recording = self.program.with_name("RECORDING")
        samples.tofile(recording)
        variables = {name: str(value) for name, value in environment.items()}
        done = subprocess.run(
            [self.program],
            env={**os.environ, **variables, "RECORDING": str(recording)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout.splitlines()

    def received(self, samples: np.ndarray) -> np.ndarray:
        """What reaches the library."""
        return np.clip(samples.astype(int) * self.gain, -32768, 32767).astype(np.int16)


def gcc(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def library(finished: Run) -> Iterator[HostProgram]:
    if not (shutil.which("gcc") and shutil.which("g++")):
        pytest.skip("there is no C compiler")
    source = finished.export / "c" / "src"
    with host_program({f"src/{path.name}": path.read_text() for path in source.iterdir()}, ["gcc"]) as program:
        yield program


@pytest.fixture(scope="module")
def compiled(finished: Run, library: HostProgram, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Example]:
    folder, objects = tmp_path_factory.mktemp("examples"), []
    source = finished.export / "c"
    for path in (source / "src").glob("*.c"):
        objects.append(folder / f"{path.stem}.o")
        gcc("gcc", "-O2", "-c", path, "-o", objects[-1])
    found: dict[str, Example] = {}

    def example(name: str) -> Example:
        if name not in found:
            path, board, program = source / SOURCES[name], next((HOST / name).glob("board.*")), folder / name
            include = [f"-I{at}" for at in (HOST, HOST / name, source / "src")]
            files = [path, board, "-x", "none", *objects, "-lm", "-o", program]
            gcc(*(CPP if name == "arduino" else C), *WARNINGS, *include, *files)
            bits = re.search(r"#define GAIN_BITS (\d+)", path.read_text())
            found[name] = Example(program, 1 << int(bits[1]) if bits else 1)
        return found[name]

    return example


@pytest.fixture
def example(request: pytest.FixtureRequest, compiled: Callable[[str], Example]) -> Example:
    return compiled(request.param)


all_examples = pytest.mark.parametrize("example", list(SOURCES), indirect=True)


@pytest.fixture(scope="module")
def recording(finished: Run) -> np.ndarray:
    """Clips with silence between them, whose length is a multiple of each platform's blocks; i16[samples]."""
    clips = collect(finished.experiment.data, finished.experiment.framing)
    silence = np.zeros(finished.experiment.framing.sample_rate)
    parts = [part for clip in (0, 9, 3, 12, 6) for part in (clips.window(clip) // 2, silence)]
    samples = (np.concatenate(parts) + 20).clip(-32768, 32767).astype(np.int16)
    return samples[: len(samples) // 32_000 * 32_000]


def agree(lines: list[str], expected: list[tuple[str, list[float]]]) -> None:
    """The emotions are equal, and so are the confidences, printed with two digits or in percent."""
    printed = [line.replace(" %", "").split() for line in lines]
    assert [(words[0], words[3]) for words in printed] == [(emotion, "dBFS") for emotion, _ in expected]
    confidences = [float(words[1]) / (1 if "." in words[1] else 100) for words in printed]
    assert confidences == pytest.approx([max(probabilities) for _, probabilities in expected], abs=0.0051)


@all_examples
def test_an_example_prints_the_emotions_of_the_library(example: Example, library: HostProgram, recording: np.ndarray):
    quiet = (recording // example.gain).astype(np.int16)
    expected = library.stream(example.received(quiet), 160)
    assert len({emotion for emotion, _ in expected}) > 2
    agree(example.run(quiet), expected)


@pytest.mark.parametrize("example", ["esp_idf", "zephyr"], indirect=True)
def test_the_gain_of_an_example_clips(example: Example, library: HostProgram, recording: np.ndarray):
    loud = (recording.astype(int) * 8).clip(-32768, 32767).astype(np.int16)
    assert np.mean(np.abs(example.received(loud).astype(int)) > 32766) > 0.1
    agree(example.run(loud), library.stream(example.received(loud), 160))


@all_examples
def test_after_lost_samples_an_example_says_so_and_starts_again(
    example: Example, library: HostProgram, recording: np.ndarray
):
    stall, lost = 64_000, 32_000
    quiet = (recording // example.gain).astype(np.int16)
    lines = example.run(quiet, STALL=stall, LOST=lost)
    received = example.received(quiet)
    before, after = library.stream(received[:stall], 160), library.stream(received[stall + lost :], 160)
    assert len(after) > 1
    assert lines[len(before)] == LOST
    agree(lines[: len(before)], before)
    agree(lines[len(before) + 1 :], after)


@pytest.mark.parametrize("example", ["arduino"], indirect=True)
def test_a_microphone_that_does_not_start_ends_the_sketch(example: Example, recording: np.ndarray):
    assert example.run(recording, BROKEN=1) == ["the microphone does not start at this sample rate"]


@pytest.mark.parametrize("example", ["bare_metal"], indirect=True)
def test_a_microphone_that_does_not_start_ends_the_program(example: Example, recording: np.ndarray):
    assert example.run(recording, status=1, BROKEN=1) == ["the microphone does not start"]


@all_examples
@pytest.mark.parametrize("level", [-50, -30, -9])
def test_an_example_prints_the_level(level: int, example: Example, finished: Run):
    """Of a sine, which is steady and therefore silence at every level."""
    time = np.arange(64_000) / finished.experiment.framing.sample_rate
    tone = np.sin(2 * np.pi * 1000 * time) * 32768 * 10 ** (level / 20) * np.sqrt(2) / example.gain
    lines = example.run(np.round(tone).astype(np.int16))
    assert len(lines) > 3
    for line in lines:
        assert line.startswith("silence ")
        assert float(line.split()[-2]) == pytest.approx(level, abs=1.6)


def test_the_component_of_the_esp_idf_example_is_the_library(finished: Run):
    """IDF names a component after its folder: `PRIV_REQUIRES aersut` needs one of that name."""
    example = finished.export / "c" / "examples" / "esp_idf"
    assert " aersut " in (example / "main" / "CMakeLists.txt").read_text()
    folder = example / "components" / "aersut"
    named = re.search(r"SRC_DIRS (\S+) INCLUDE_DIRS (\S+)\)", (folder / "CMakeLists.txt").read_text())
    assert named
    for path in named.groups():
        assert (folder / path).resolve() == (finished.export / "c" / "src").resolve()
