"""Folders of recordings that augmenters add or convolve with."""

import hashlib
from pathlib import Path

import numpy as np
from jaxtyping import Float

from aersut.corpora.files import audio_files, spread
from aersut.data.audio import cleaned, clip_errors, read_recording, resample
from aersut.errors import UserError
from aersut.paths import expanded

MAX_FILES = 64
"""Of a larger folder, this many files are used, evenly spaced in the order of their paths."""


def folder_files(augmenter: str, folder: str) -> tuple[tuple[Path, int], ...]:
    """Return up to `MAX_FILES` .wav and .flac files at any depth of a folder, each with its modification time in ns.

    The times belong into the key of a cache, so that a changed file is read again.

    Raises:
        UserError: there are none, or one is a broken link; the message names the augmenter and the folder.
    """
    files = audio_files(expanded(folder))
    if not files:
        raise UserError(f"augmenter {augmenter}: no .wav or .flac under {folder}. Add recordings, or set its folder.")
    try:
        return tuple((file, file.stat().st_mtime_ns) for file in spread(files, MAX_FILES))
    except OSError as error:
        raise UserError(_unreadable(augmenter, error.filename, error)) from None


def folder_digest(augmenter: str, folder: str) -> str:
    """Return a digest of the contents of `folder_files`; `UserError` if one cannot be read."""
    hasher = hashlib.sha256()
    for file, _ in folder_files(augmenter, folder):
        try:
            hasher.update(file.read_bytes())
        except OSError as error:
            raise UserError(_unreadable(augmenter, file, error)) from None
    return hasher.hexdigest()


def decoded_file(augmenter: str, file: Path, sample_rate: int, with_offset: bool) -> Float[np.ndarray, " samples"]:
    """Return the samples of a file at `sample_rate` Hz, with or without its DC offset.

    Raises:
        UserError: the file cannot be decoded or is silent.
    """
    with clip_errors(f"augmenter {augmenter}: {file}", "Remove it."):
        recording = read_recording(file)
        return resample(recording if with_offset else cleaned(recording, None), sample_rate)


def _unreadable(augmenter: str, file: object, error: OSError) -> str:
    return f"augmenter {augmenter}: {file} cannot be read: {error.strerror}. Remove it."
