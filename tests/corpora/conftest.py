"""Audio files with the names and formats of real corpora."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

Speak = Callable[..., list[Path]]


@pytest.fixture
def speak(tmp_path: Path) -> Speak:
    """Write short audio files, all different, at paths relative to the test's folder, and return their paths."""
    rng = np.random.default_rng(0)

    def write(*names: str, sample_rate: int = 16_000) -> list[Path]:
        paths = [tmp_path / name for name in names]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, 0.3 * rng.uniform(-1, 1, sample_rate // 10), sample_rate)
        return paths

    return write
