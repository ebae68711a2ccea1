"""Noise recordings and measured impulse responses from a folder of the user."""

import functools
from pathlib import Path

import numpy as np
from jaxtyping import Float

from aersut.contracts import SkippedConditionError
from aersut.corpora.files import audio_files, spread
from aersut.data.audio import SILENCE, ClipError, Recording, read_blocks, resample
from aersut.errors import UserError
from aersut.paths import expanded

MAX_FILES = 64
"""Of a larger folder, this many files are used, evenly spaced in the order of their paths."""
MAX_SECONDS = 10.0
"""Of a longer file, this much is used, from its start."""

Recordings = tuple[Float[np.ndarray, " samples"], ...]


def folder_recordings(folder: str, sample_rate: int) -> Recordings:
    """The .wav and .flac files at any depth of a folder, mono, at `sample_rate` Hz; see `MAX_FILES`, `MAX_SECONDS`.

    Raises:
        SkippedConditionError: the folder has no audio files, or one of them cannot be decoded or is silent.
    """
    try:
        chosen = tuple((file, file.stat().st_mtime_ns) for file in chosen_files(folder))
    except UserError as error:
        raise SkippedConditionError(str(error)) from None
    except OSError as error:
        raise SkippedConditionError(f"{error.filename} cannot be read: {error.strerror}") from None
    return _decoded(chosen, sample_rate)


def chosen_files(folder: str) -> list[Path]:
    """The files of a folder that `folder_recordings` uses; raises `UserError` if there are none."""
    files = audio_files(expanded(folder))
    if not files:
        raise UserError(f"no .wav or .flac under {folder}")
    return spread(files, MAX_FILES)


@functools.lru_cache(maxsize=2)
def _decoded(files: tuple[tuple[Path, int], ...], sample_rate: int) -> Recordings:
    # the modification times are part of the key of this cache: a changed file is read again
    recordings = []
    for file, _ in files:
        try:
            first: Recording = next(read_blocks(file, MAX_SECONDS))
            samples = resample(first, sample_rate)
        except ClipError as error:
            raise SkippedConditionError(f"{file} {error}") from None
        if np.abs(samples).max() < SILENCE:
            raise SkippedConditionError(f"{file} is silent in its first {MAX_SECONDS:g} s")
        recordings.append(samples)
    return tuple(recordings)
