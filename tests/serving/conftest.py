"""An exported run to serve, and speech to classify."""

import csv
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aersut.run_folder import Run
from aersut.serving.recognizer import Recognizer, load


@pytest.fixture(scope="session")
def bundle(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny run's export folder, alone: for reading only."""
    folder = tmp_path_factory.mktemp("bundle") / "export"
    shutil.copytree(finished.export, folder)
    return folder


@pytest.fixture(scope="session")
def recognizer(bundle: Path) -> Recognizer:
    """The float32 file of the bundle."""
    return load(bundle / "model_float32.tflite")


@pytest.fixture(scope="session")
def evaluated(finished: Run) -> list[dict[str, str]]:
    """The run's predictions.csv: every test clip with its probabilities."""
    with (finished.evaluation.parent / "predictions.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def speech(evaluated: list[dict[str, str]]) -> Path:
    """An audio file with speech."""
    return Path(evaluated[0]["path"])


@pytest.fixture(scope="session")
def dialogue(evaluated: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Several utterances with pauses of two seconds, at 16 kHz, 16 bits."""
    pause = np.zeros(32_000, np.int16)
    pieces = [piece for row in evaluated[:4] for piece in (soundfile.read(row["path"], dtype="int16")[0], pause)]
    path = tmp_path_factory.mktemp("dialogue") / "dialogue.wav"
    soundfile.write(path, np.concatenate(pieces), 16_000)
    return path


@pytest.fixture(scope="session")
def monitoring() -> Callable[..., AbstractContextManager[str]]:
    """--mode=monitor in its own process; yields the line that it prints when it is ready.

    SIGINT ends it; its standard error has to match the pattern `stderr`.
    """

    @contextmanager
    def start(*arguments: str, stderr: str = "") -> Iterator[str]:
        launcher = str(Path(__file__).parents[2] / "launch.py")
        command = [sys.executable, launcher, "--mode=monitor", "--port=0", *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as monitor:
            assert monitor.stdout is not None
            try:
                yield monitor.stdout.readline()
            finally:
                monitor.send_signal(signal.SIGINT)
                errors = monitor.communicate(timeout=20)[1]
        assert monitor.returncode == 0
        assert re.fullmatch(stderr, errors)

    return start
