"""Small audio files for tests."""

import os

import numpy as np
import pytest
import soundfile


def tone(seconds=0.25, sample_rate=16_000, frequency=440.0, amplitude=0.5):
    """A sine."""
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    return (amplitude * np.sin(2 * np.pi * frequency * times)).astype(np.float32)


def written(path, samples=None, sample_rate=16_000, **options):
    """Write an audio file and return its path."""
    soundfile.write(path, tone() if samples is None else samples, sample_rate, **options)
    return path


def folder_not_utf_8(parent):
    """Create a folder whose name is not UTF-8; skip the test on a file system that takes no such name."""
    folder = parent / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes no such name")
    return folder
