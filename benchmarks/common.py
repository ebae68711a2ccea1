"""What the benchmarks share: recordings to work on, and measuring in turn."""

import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np


def alternate(repeats: int, **ways: Callable[[], float]) -> dict[str, float]:
    """The median of what each way returns, over rounds in which each runs once; the first round warms up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats + 1):
        for name, way in ways.items():
            taken[name].append(way())
    return {name: statistics.median(values[1:]) for name, values in taken.items()}


def speech(folder: Path, count: int, sample_rate: int) -> np.ndarray:
    """Three seconds each of `count` recordings, spread over the folder, trimmed; f32[count, samples]."""
    from aersut.corpora.files import audio_files
    from aersut.data.audio import decode, fit

    files = audio_files(folder)
    if len(files) < count:
        sys.exit(f"{folder} holds {len(files)} sound files, fewer than {count}")
    chosen = [files[place] for place in np.linspace(0, len(files) - 1, count).astype(int)]
    return np.stack([fit(decode(file, sample_rate, 40.0), 3 * sample_rate, "start") for file in chosen])
