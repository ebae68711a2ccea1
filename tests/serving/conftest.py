"""A bundle to serve, and voices to hear."""

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

from aersut.run import Run
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
def judged(finished: Run) -> list[dict[str, str]]:
    """The run's predictions.csv: every test clip with its probabilities."""
    with (finished.evaluation.parent / "predictions.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def voice(judged: list[dict[str, str]]) -> Path:
    """A sound file in which somebody speaks."""
    return Path(judged[0]["path"])


@pytest.fixture(scope="session")
def talk(judged: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Several utterances with pauses of two seconds, at 16 kHz, 16 bits."""
    pause = np.zeros(32_000, np.int16)
    parts = [part for row in judged[:4] for part in (soundfile.read(row["path"], dtype="int16")[0], pause)]
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    soundfile.write(path, np.concatenate(parts), 16_000)
    return path


@pytest.fixture(scope="session")
def monitoring() -> Callable[..., AbstractContextManager[str]]:
    """--mode=monitor in a process of its own: gives what it says when it is ready.

    Ctrl-C ends it, and what it complained of on the way must be `complaint`, a pattern.
    """

    @contextmanager
    def start(*arguments: str, complaint: str = "") -> Iterator[str]:
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
        assert re.fullmatch(complaint, errors)

    return start
