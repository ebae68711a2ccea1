"""The library's stream: frames, voice activity detection, placement and smoothing, against the same in plain Python."""

from collections.abc import Iterator

import numpy as np
import pytest

from aersut.contracts import Framing
from aersut.data.collection import collect
from aersut.evaluation.streamed import frames_of
from aersut.export.c_library.host import HostProgram, find_compiler, host_program
from aersut.run import Run
from aersut.tflite.file import TFLiteFile
from aersut.tflite.micro import run_tflm
from tests.export.c_library.compiled import SANITIZED, STRICT

SMOOTHING = 3


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
def recording(finished: Run) -> np.ndarray:
    """Two clips with an offset, silence, and steady noise; i16[samples]."""
    clips = collect(finished.experiment.data, finished.experiment.framing)
    rate = finished.experiment.framing.sample_rate
    noise = np.random.default_rng(0).normal(size=2 * rate) * 300
    parts = [clips.window(0) // 2, np.zeros(2 * rate), clips.window(9) // 2, noise, clips.window(3) // 2]
    return (np.concatenate(parts) + 200).clip(-32768, 32767).astype(np.int16)


def without_offset(samples: np.ndarray) -> np.ndarray:
    mean, result = int(samples[0]) << 14, []
    for index, sample in enumerate(map(int, samples)):
        if index:
            mean += int(((sample << 14) - mean) / 8192)  # truncated, as in C
        result.append(min(max(sample - int(mean / (1 << 14)), -32768), 32767))
    return np.array(result, np.int16)


def expected(run: Run, samples: np.ndarray) -> list[tuple[str, list[float]]]:
    framing: Framing = run.experiment.framing
    frontend = TFLiteFile.read(run.export / "frontend.tflite")
    classifier = TFLiteFile.read(run.export / "model_int8.tflite")
    inputs = frames_of(without_offset(samples), framing)
    rows = run_tflm(frontend, inputs).outputs.reshape(len(inputs), -1)
    silent = run_tflm(frontend, np.zeros_like(inputs[:1])).outputs.reshape(-1)
    middle = inputs[:, 1:].astype(np.int64)  # the hop of this framing is as long as its frames
    power = (middle.var(axis=1)).astype(np.float32)
    stride = framing.sample_rate // framing.hop_length // 2
    recent: list[np.ndarray | None] = []
    found: list[tuple[str, list[float]]] = []
    for end in range(framing.frames, len(rows) + 1, stride):
        window, powers = rows[end - framing.frames : end], power[end - framing.frames : end]
        order, last = np.sort(powers), framing.frames - 1
        loud, quiet = order[9 * last // 10], order[last // 10]
        recent = recent[-SMOOTHING + 1 :]
        if loud < 58.27**2 or loud < 10**0.6 * quiet:
            recent.append(None)
            found.append(("silence", [0.0] * len(run.experiment.data.emotions)))
            continue
        kept = np.flatnonzero(powers > powers.max() * 10**-4)
        window = window[kept[0] : kept[-1] + 1]
        window = np.concatenate([window, np.tile(silent, (framing.frames - len(window), 1))])
        output = classifier.outputs[0].dequantize(run_tflm(classifier, window[None]).outputs[0]).reshape(-1)
        recent.append(output)
        probabilities = np.mean([one for one in recent if one is not None], axis=0)
        found.append((run.experiment.data.emotions[int(probabilities.argmax())], probabilities.tolist()))
    return found


def test_a_stream_has_the_predictions_of_its_windows(finished: Run, library: HostProgram, recording: np.ndarray):
    found, wanted = library.stream(recording, 160), expected(finished, recording)
    emotions = [emotion for emotion, _ in wanted]
    assert "silence" in emotions
    assert len(set(emotions)) > 2
    assert [emotion for emotion, _ in found] == emotions
    for (_, probabilities), (_, like) in zip(found, wanted, strict=True):
        assert probabilities == pytest.approx(like, abs=1e-6)


@pytest.mark.parametrize("block", [1, 700, 100_000])
def test_blocks_of_any_size_give_the_same(block: int, library: HostProgram, recording: np.ndarray):
    assert library.stream(recording, block) == library.stream(recording, 160)


def test_the_models_by_themselves(finished: Run, library: HostProgram, recording: np.ndarray):
    """What the export compared."""
    frontend = TFLiteFile.read(finished.export / "frontend.tflite")
    inputs = frames_of(recording, finished.experiment.framing)
    outputs = run_tflm(frontend, inputs).outputs.reshape(len(inputs), -1)
    np.testing.assert_array_equal(library.frontend(inputs, len(inputs), outputs.shape[1]), outputs)
