"""The C library on emulated boards: equal bytes, the emotions of this machine, and what is missing is named."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aersut.data.collection import collect
from aersut.emulation.boards import BOARDS, Board, Memory
from aersut.emulation.emulate import COMPILER, EMULATOR, Emulation, Failure, emulate
from aersut.emulation.summary import predicted
from aersut.errors import UserError
from aersut.export.c_library.host import FIXED_POINT, FLAGS, find_compiler, host_program
from aersut.run import Run


@pytest.fixture(scope="module")
def recording(finished: Run) -> np.ndarray:
    """Three clips of the synthetic voices; i16[samples]."""
    clips = collect(finished.experiment.data, finished.experiment.framing)
    return np.concatenate([clips.window(clip) for clip in (0, 9, 3)])


def needs_emulator() -> None:
    if not (shutil.which(COMPILER) and shutil.which(EMULATOR)):
        pytest.skip("there is no compiler for Arm, or no QEMU")


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.machine)
@pytest.mark.parametrize("block", [160, 700])
def test_a_board_has_the_bytes_of_micro(board: Board, block: int, finished: Run, recording: np.ndarray):
    needs_emulator()
    [found] = emulate(finished.export, recording, [board], block)
    assert isinstance(found, Emulation), found
    assert found.compared > 1_500
    assert found.passed
    assert found.differing <= found.compared / 200
    source = finished.export / "c" / "src"
    files = {f"src/{path.name}": path.read_text() for path in source.iterdir()}
    flags = FLAGS if "-mfloat-abi=hard" in board.flags else (*FLAGS, FIXED_POINT)
    with host_program(files, find_compiler() or ("gcc",), flags) as program:
        assert list(found.emotions) == [emotion for emotion, _ in program.stream(recording, 160)]
    assert found.measured.ram < 40_000
    assert 0 < found.measured.stack < 2_000
    assert 10_000 < found.measured.frame_instructions < 10_000_000


def test_a_board_reports_the_emotions_of_predict(finished: Run, recording: np.ndarray):
    needs_emulator()
    [found] = emulate(finished.export, recording, BOARDS[1:2])
    assert isinstance(found, Emulation), found
    assert list(found.emotions) == predicted(finished.export, recording)


def test_the_command_prints_a_table_and_writes_a_file(finished: Run, launch: Callable[..., Any], tmp_path: Path):
    needs_emulator()
    run = tmp_path / "run"
    shutil.copytree(finished.folder, run)
    done = launch("--mode=emulate", f"--workdir={run}", "--boards=mps2-an386")
    assert done.status == 0, done.err
    [line] = [line for line in done.out.splitlines() if line.startswith("mps2-an386")]
    [entry] = json.loads((run / "export" / "emulation.json").read_text())["boards"]
    assert entry["passed"]
    assert f"{entry['compared'] - entry['differing']:,} of {entry['compared']:,}" in line
    assert entry["flash"] > entry["stack"]
    assert launch("--mode=report", f"--workdir={run}").status == 0
    page = (run / "report.html").read_text()
    assert "The C library on emulated boards" in page
    assert "<td>Cortex-M4F</td>" in page


def test_a_board_that_is_too_small_does_not_hide_the_others(finished: Run, recording: np.ndarray):
    needs_emulator()
    tiny = replace(BOARDS[1], code=Memory(0, 1024))
    failed, found = emulate(finished.export, recording, [tiny, BOARDS[1]])
    assert isinstance(failed, Failure)
    assert "cannot be built for mps2-an386 (Cortex-M4F)" in failed.reason
    assert isinstance(found, Emulation)


def test_an_unknown_board_is_named(finished: Run, launch: Callable[..., Any]):
    done = launch("--mode=emulate", f"--workdir={finished.folder}", "--boards=nano")
    assert done.status == 2
    assert "--boards: 'nano' is unknown; choose from mps2-an385" in done.err


def test_an_export_without_the_library_is_named(tmp_path: Path):
    with pytest.raises(UserError, match="has no c/ with the C library; export the run again"):
        list(emulate(tmp_path, np.zeros(16_000, np.int16)))


def test_missing_tools_are_named_with_the_remedy(finished: Run, recording: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="arm-none-eabi-gcc.*missing.*apt install gcc-arm-none-eabi"):
        list(emulate(finished.export, recording))


def test_a_recording_shorter_than_a_window_is_refused(finished: Run, recording: np.ndarray):
    needs_emulator()
    with pytest.raises(UserError, match="one window needs 24,000"):
        list(emulate(finished.export, recording[:20_000]))
