"""The C library on emulated boards: equal bytes, the emotions of this machine, and what is missing is named."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from aersut.commands.emulate import _boards
from aersut.data.collection import collect
from aersut.emulation.boards import ARM, BOARDS, RISCV, Board, Memory
from aersut.emulation.emulate import Emulation, Failure, emulate
from aersut.emulation.summary import predicted
from aersut.errors import UserError
from aersut.export.c_library.host import FIXED_POINT, FLAGS, find_compiler, host_program
from aersut.run_folder import Run


@pytest.fixture(scope="module")
def recording(finished: Run) -> np.ndarray:
    """Three clips of the synthetic voices; i16[samples]."""
    clips = collect(finished.experiment.data, finished.experiment.framing)
    return np.concatenate([clips.window(clip) for clip in (0, 9, 3)])


@pytest.fixture
def short(recording: np.ndarray, tmp_path: Path) -> str:
    """The path of a file with the beginning of the recording."""
    soundfile.write(tmp_path / "short.wav", recording[:40_000], 16_000, subtype="PCM_16")
    return str(tmp_path / "short.wav")


CORTEX_M4F = next(board for board in BOARDS if board.processor == "Cortex-M4F")


def needs_emulator(board: Board = CORTEX_M4F) -> None:
    if board.toolchain.missing:
        pytest.skip(board.toolchain.missing)


@pytest.fixture(scope="module")
def here(finished: Run, recording: np.ndarray) -> dict[bool, list[str]]:
    """The emotions of the library on this machine, compiled as without and as with an FPU."""
    files = {f"src/{path.name}": path.read_text() for path in (finished.export / "c" / "src").iterdir()}
    found = {}
    for fpu, flags in ((False, (*FLAGS, FIXED_POINT)), (True, FLAGS)):
        with host_program(files, find_compiler() or ("gcc",), flags) as program:
            found[fpu] = [emotion for emotion, _ in program.stream(recording, 160)]
    return found


def check(found: Emulation | Failure, here: dict[bool, list[str]]) -> None:
    assert isinstance(found, Emulation), found
    name = found.board.processor
    assert found.compared > 1_500, name
    assert not found.error, name
    assert found.differing <= found.compared / 200, name
    fpu = bool({"-mfloat-abi=hard", "-mabi=ilp32f"} & {*found.board.flags})
    assert list(found.emotions) == here[fpu], name
    assert found.measured.ram < 40_000, name
    assert 0 < found.measured.stack < 2_000, name
    assert 10_000 < found.measured.frame_instructions < 20_000_000, name


@pytest.mark.slow  # compiles the library for eight boards; the reference is computed once for all
def test_every_board_has_the_bytes_of_micro(finished: Run, recording: np.ndarray, here: dict[bool, list[str]]):
    boards = [board for board in BOARDS if not board.toolchain.missing]
    for found in emulate(finished.export, recording, boards) if boards else ():
        check(found, here)
    for board in BOARDS:
        needs_emulator(board)  # where a tool is missing, this is reported


def test_blocks_of_another_length_and_predict_have_the_same_emotions(
    finished: Run, recording: np.ndarray, here: dict[bool, list[str]]
):
    needs_emulator()
    [found] = emulate(finished.export, recording, [CORTEX_M4F], 700)
    check(found, here)
    assert here[True] == predicted(finished.export, recording)


def test_the_command_prints_a_table_and_writes_a_file(
    finished: Run, launch: Callable[..., Any], short: str, tmp_path: Path
):
    needs_emulator()
    run = tmp_path / "run"
    shutil.copytree(finished.folder, run)
    done = launch("--mode=emulate", f"--workdir={run}", "--boards=cortex-m4f")
    assert done.status == 0, done.err
    [line] = [line for line in done.out.splitlines() if line.startswith("Cortex-M4F")]
    [entry] = json.loads((run / "export" / "emulation.json").read_text())["boards"]
    assert not entry["error"]
    assert f"{entry['compared'] - entry['differing']:,} of {entry['compared']:,}" in line
    assert entry["flash"] > entry["stack"]
    card = (run / "export" / "model_card.md").read_text()
    assert f"| Cortex-M4F | {entry['compared']:,} of {entry['compared']:,} |" in card
    for product in ("Arduino Nano 33 BLE Sense", "NUCLEO-F446RE"):
        assert product in done.out
        assert product in card
    assert launch("--mode=report", f"--workdir={run}").status == 0
    page = (run / "report.html").read_text()
    assert "The C library on emulated boards" in page
    assert "<td>Cortex-M4F</td>" in page
    assert "<td>Arduino Nano 33 BLE Sense</td>" in page
    assert "million for a classification" in page
    assert launch("--mode=emulate", f"--workdir={run}", "--boards=cortex-m3", short).status == 0
    boards = json.loads((run / "export" / "emulation.json").read_text())["boards"]
    assert [one["processor"] for one in boards] == ["Cortex-M4F", "Cortex-M3"], "the earlier one is kept"


def test_a_board_that_is_too_small_does_not_hide_the_others(finished: Run, recording: np.ndarray):
    needs_emulator()
    tiny = replace(CORTEX_M4F, code=Memory(0, 1024))
    failed, found = emulate(finished.export, recording[:26_000], [tiny, CORTEX_M4F])
    assert isinstance(failed, Failure)
    assert "cannot be built for Cortex-M4F" in failed.reason
    assert isinstance(found, Emulation)


def test_a_differing_output_is_an_error(finished: Run, launch: Callable[..., Any], short: str, tmp_path: Path):
    """A weight of the library that is not that of the file."""
    needs_emulator()
    run = tmp_path / "run"
    shutil.copytree(finished.folder, run)
    model = run / "export" / "c" / "src" / "aersut_model.c"
    text = model.read_text()
    declared = re.search(r"AERSUT_TABLE int32_t aersut_run_classifier_\d+\[\d+\] = {", text)
    assert declared
    model.write_text(text.replace(declared[0], f"{declared[0]}99999 + "))
    (run / "export" / "c" / "src" / "aersut_self_test.c").write_text(
        '#include "aersut.h"\nbool aersut_self_test(aersut *self) { return self != 0; }\n'
    )
    done = launch("--mode=emulate", f"--workdir={run}", "--boards=cortex-m4f", short)
    assert done.status == 1
    assert re.search(r"error: Cortex-M4F: \d+ of \d+ probabilities differ from TensorFlow Lite Micro's", done.err)


def test_an_unknown_board_is_named(finished: Run, launch: Callable[..., Any]):
    done = launch("--mode=emulate", f"--workdir={finished.folder}", "--boards=nano")
    assert done.status == 2
    assert "--boards: 'nano' is unknown; choose from cortex-m3" in done.err
    done = launch("--mode=emulate", f"--workdir={finished.folder}", "--boards=")
    assert done.status == 2
    assert "--boards is empty; choose from cortex-m3" in done.err


def test_a_missing_recording_is_named(finished: Run, launch: Callable[..., Any]):
    done = launch("--mode=emulate", f"--workdir={finished.folder}", "missing.wav")
    assert (done.status, "clip missing.wav cannot be read" in done.err) == (2, True)
    moved = launch("--mode=emulate", f"--workdir={finished.folder}", "--experiment.data.root=elsewhere", "missing.wav")
    assert (moved.status, "clip missing.wav cannot be read" in moved.err) == (2, True)


def test_an_export_without_the_library_is_named(tmp_path: Path):
    with pytest.raises(UserError, match="has no c/ with the C library; export the run again"):
        list(emulate(tmp_path, np.zeros(16_000, np.int16)))


def test_missing_tools_are_named_with_the_remedy(finished: Run, recording: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    for tools, packages in ((ARM, "gcc-arm-none-eabi"), (RISCV, "gcc-riscv64-unknown-elf")):
        boards = [board for board in BOARDS if board.toolchain is tools]
        with pytest.raises(UserError, match=f"{tools.prefix}-gcc.*{tools.emulator} missing.*apt install {packages}"):
            list(emulate(finished.export, recording, boards))


def test_boards_without_tools_are_omitted_unless_they_are_named(
    finished: Run,
    launch: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    needs_emulator()
    for name in (f"{ARM.prefix}-gcc", f"{ARM.prefix}-size", ARM.emulator):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _boards(None) == tuple(board for board in BOARDS if board.toolchain is ARM)
    warning = capsys.readouterr().err
    assert "warning: RV32IMC, RV32IMAFC are not emulated: riscv64-unknown-elf-gcc" in warning
    assert "apt install gcc-riscv64-unknown-elf" in warning
    done = launch("--mode=emulate", f"--workdir={finished.folder}", "--boards=cortex-m3,rv32imc")
    assert done.status == 2
    assert "apt install gcc-riscv64-unknown-elf" in done.err


def test_a_recording_shorter_than_a_window_is_refused(finished: Run, recording: np.ndarray):
    needs_emulator()
    with pytest.raises(UserError, match="one window needs 24,512"):
        list(emulate(finished.export, recording[:20_000]))
