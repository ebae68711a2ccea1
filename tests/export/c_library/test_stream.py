"""The library's stream against that of `predict --stream` with frontend.tflite (`aersut.board`)."""

from collections.abc import Iterator

import numpy as np
import pytest

from aersut.board import frames_of
from aersut.data.collection import collect
from aersut.export.c_library.host import HostProgram, find_compiler, host_program
from aersut.run_folder import Run
from aersut.serving.recognizer import Recognizer, load
from aersut.tflite.file import TFLiteFile
from aersut.tflite.micro import run_tflm
from tests.export.c_library.compiled import SANITIZED, STRICT


@pytest.fixture(scope="module")
def library(finished: Run) -> Iterator[HostProgram]:
    compiler = find_compiler()
    if compiler is None:
        pytest.skip("there is no C compiler")
    folder = finished.export / "c"
    files = {str(path.relative_to(folder)): path.read_text() for path in (folder / "src").iterdir()}
    with host_program(files, compiler, (*STRICT, *SANITIZED)) as program:
        yield program


@pytest.fixture(scope="module")
def board(finished: Run) -> Recognizer:
    return load(finished.export / "frontend.tflite")


@pytest.fixture(scope="module")
def recording(finished: Run) -> np.ndarray:
    """Two clips with an offset, silence, and steady noise; i16[samples]."""
    clips = collect(finished.experiment.data, finished.experiment.framing)
    rate = finished.experiment.framing.sample_rate
    noise = np.random.default_rng(0).normal(size=2 * rate) * 300
    parts = [clips.window(0) // 2, np.zeros(2 * rate), clips.window(9) // 2, noise, clips.window(3) // 2]
    return (np.concatenate(parts) + 200).clip(-32768, 32767).astype(np.int16)


def predicted(board: Recognizer, samples: np.ndarray, block: int) -> list[tuple[str, list[float]]]:
    stream = board.stream()
    blocks = (samples[begin : begin + block] for begin in range(0, len(samples), block))
    found = [one for samples in blocks for one in stream.push(samples)] + stream.finish()
    silence = [0.0] * len(board.labels)
    return [(one.emotion or "silence", list(one.probabilities.values()) or silence) for one in found]


def assert_equal(library: HostProgram, board: Recognizer, samples: np.ndarray, block: int) -> list[str]:
    """Emotions are equal, and probabilities but for some steps of int8; return the emotions."""
    found, like = library.stream(samples, block), predicted(board, samples, block)
    emotions = [emotion for emotion, _ in like]
    assert [emotion for emotion, _ in found] == emotions
    for (_, probabilities), (_, expected) in zip(found, like, strict=True):
        assert probabilities == pytest.approx(expected, abs=0.02)
    return emotions


@pytest.mark.parametrize("block", [160, 700])
def test_a_stream_has_the_emotions_of_predict(
    block: int, library: HostProgram, board: Recognizer, recording: np.ndarray
):
    emotions = assert_equal(library, board, recording, block)
    assert "silence" in emotions
    assert len(set(emotions)) > 2


def test_so_has_one_that_arrives_sample_by_sample(library: HostProgram, board: Recognizer, recording: np.ndarray):
    assert len(assert_equal(library, board, recording[:40_000], 1)) > 1


def test_a_quiet_stream_becomes_silence_at_the_same_level(
    library: HostProgram, board: Recognizer, recording: np.ndarray
):
    quieter = [(recording - 200) // divisor for divisor in (2, 4, 6, 64)]
    silent = [assert_equal(library, board, samples, 160).count("silence") for samples in quieter]
    assert 0 < silent[0] < silent[-2] < silent[-1]


@pytest.mark.parametrize("offset", [-30_000, 9_000])
def test_a_large_offset_is_removed(offset: int, library: HostProgram, board: Recognizer, recording: np.ndarray):
    moved = np.clip(recording.astype(int) + offset, -32768, 32767).astype(np.int16)
    assert len(set(assert_equal(library, board, moved, 160))) > 2


def test_clicks_in_quiet_speech_are_no_speech(library: HostProgram, board: Recognizer, recording: np.ndarray):
    quiet = (recording - 200) // 8
    rate = board.framing.sample_rate
    for begin in range(rate // 2, len(quiet), 7 * rate // 4):
        quiet[begin : begin + rate // 100] = 32_000 * (-1) ** np.arange(rate // 100)
    assert len(set(assert_equal(library, board, quiet, 160)) - {"silence"}) > 1


@pytest.mark.parametrize("level", [0, 400, 32767])
def test_constant_samples_are_silence(level: int, library: HostProgram, board: Recognizer):
    samples = np.full(4 * board.framing.sample_rate, level, np.int16)
    assert set(assert_equal(library, board, samples, 160)) == {"silence"}


def test_a_clip_shorter_than_a_window_has_no_result(library: HostProgram, board: Recognizer, recording: np.ndarray):
    assert assert_equal(library, board, recording[: board.framing.samples - board.framing.frame_length], 160) == []


@pytest.mark.parametrize("block", [1, 700, 100_000])
def test_blocks_of_any_size_give_the_same(block: int, library: HostProgram, recording: np.ndarray):
    assert library.stream(recording, block) == library.stream(recording, 160)


def test_the_models_by_themselves(finished: Run, library: HostProgram, recording: np.ndarray):
    """What the export compared."""
    frontend = TFLiteFile.read(finished.export / "frontend.tflite")
    inputs = frames_of(recording, finished.experiment.framing)
    outputs = run_tflm(frontend, inputs).outputs.reshape(len(inputs), -1)
    np.testing.assert_array_equal(library.frontend(inputs, len(inputs), outputs.shape[1]), outputs)
