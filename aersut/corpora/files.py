"""Corpora whose file names carry the labels: find audio files, and list them as clips or skipped files."""

import os
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path

from aersut.contracts import Clip, Listing, SkippedFile
from aersut.errors import UserError

SUFFIXES = (".wav", ".flac")
LFS_HEADER = b"version https://git-lfs"


class OutOfScope(Exception):  # noqa: N818  (not an error)
    """Raised by a corpus's parser to skip an intact file: a song, a duplicate, or an emotion outside of `EMOTIONS`."""


def audio_files(folder: Path) -> list[Path]:
    """All .wav and .flac files under `folder`, sorted by path; none if the folder does not exist.

    Hidden files and folders are skipped. `UserError` if a folder cannot be read.
    """

    def stop(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise UserError(f"folder {error.filename} cannot be read: {error.strerror}. Change its permissions.")

    files = []
    for parent, folders, names in os.walk(folder, onerror=stop):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [Path(parent, name) for name in names if name.lower().endswith(SUFFIXES) and not name.startswith(".")]
    return sorted(files)


def corpus_files(corpus: str, root: Path, download_hint: str) -> list[Path]:
    """The audio files at any depth under `root/corpus`; `UserError` with `download_hint` if there are none."""
    if files := audio_files(root / corpus):
        return files
    raise UserError(f"{corpus}: no .wav or .flac under {root / corpus}. {download_hint}")


def name_codes(name: str, pattern: str, form: str) -> tuple[str, ...]:
    """The codes in a file name, the groups of `pattern`; `ValueError` if it does not match."""
    if codes := re.fullmatch(pattern, name):
        return codes.groups()
    raise ValueError(f"its name does not have {form}")


def code(kind: str, value: str, meanings: Mapping[str, str]) -> str:
    """The meaning of a code in a file name; `ValueError` if it is unknown."""
    if value in meanings:
        return meanings[value]
    raise ValueError(f"{kind} code {value} is not one of {', '.join(meanings)}")


def list_clips(
    files: Iterable[Path],
    parse: Callable[[Path], Clip],
    identity: Callable[[Clip], Hashable] = lambda clip: clip.path.with_suffix(""),
) -> Listing:
    """List files as clips.

    Empty files and Git LFS pointers are skipped here; other damage is found when the clips are decoded.

    Args:
        parse: returns the clip of a path; raises `ValueError` for a name outside of the corpus's naming scheme, and
            `OutOfScope` for a file to skip.
        identity: equal for files of the same clip, of which the first is listed; by default the path without suffix.
    """
    clips: list[Clip] = []
    skipped: list[SkippedFile] = []
    listed: set[Hashable] = set()
    for path in files:
        try:
            clip = parse(path)
            if identity(clip) in listed:
                raise OutOfScope("is a duplicate of a clip in another folder or format")
            if problem := _problem(path):
                skipped.append(SkippedFile(path, problem))
                continue
            clips.append(clip)
            listed.add(identity(clip))
        except OutOfScope as reason:
            skipped.append(SkippedFile(path, str(reason), damage=False))
        except ValueError as reason:
            skipped.append(SkippedFile(path, str(reason)))
    return Listing(tuple(clips), tuple(skipped))


def _problem(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            head = file.read(len(LFS_HEADER))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if not head:
        return "is empty"
    if head == LFS_HEADER:
        return "is a Git LFS pointer instead of audio (run `git lfs pull` in its clone)"
    return None
