"""Corpora whose file names carry the labels: find audio files, and list them as clips or skipped files."""

import functools
import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

import numpy as np

from aersut.audio_input import AUDIO
from aersut.contracts import Clip, Listing, SkippedFile
from aersut.errors import UserError
from aersut.paths import files_below
from aersut.texts import abbreviated, counted

T = TypeVar("T")
SUFFIXES = (".wav", ".flac")
LFS_HEADER = b"version https://git-lfs"


class OutOfScope(Exception):  # noqa: N818  (not an error)
    """Raised by a corpus's parser to skip an intact file: a song, a duplicate, or a word that is no label."""


def audio_files(folder: Path, suffixes: Iterable[str] = SUFFIXES) -> list[Path]:
    """All .wav and .flac files under `folder`, sorted by path; none if the folder does not exist.

    Hidden files and folders are skipped; links to folders are followed. `UserError` if a folder cannot be read.
    """
    try:
        return sorted(path for path in files_below(folder) if path.suffix.lower() in suffixes)
    except OSError as error:
        raise UserError(f"folder {error.filename} cannot be read: {error.strerror}. Change its permissions.") from None


def spread(files: Sequence[T], most: int) -> list[T]:
    """At most `most` of the files, evenly spaced in their order."""
    rows = np.unique(np.linspace(0, len(files) - 1, min(most, len(files))).astype(int))
    return [files[row] for row in rows]


def corpus_folder(corpus: str, root: Path) -> Path:
    """The folder `root/corpus`, or the first one with this name in other cases: tess, TESS."""
    exact = root / corpus
    if exact.is_dir() or not root.is_dir():
        return exact
    return next((path for path in sorted(root.iterdir()) if path.name.lower() == corpus and path.is_dir()), exact)


def corpus_files(corpus: str, root: Path, download_hint: str) -> list[Path]:
    """The audio files at any depth of the corpus's folder; `UserError` with `download_hint` if there are none."""
    if files := audio_files(corpus_folder(corpus, root)):
        return files
    raise UserError(f"{corpus}: no .wav or .flac under {root / corpus}. {download_hint}")


def name_codes(name: str, pattern: str, form: str) -> tuple[str, ...]:
    """The codes in a file name, the groups of `pattern` in any case; `ValueError` if it does not match.

    The number that a copy of a file gets is ignored: " (2)", " - Copy".
    """
    if codes := re.fullmatch(pattern, original_name(name), re.IGNORECASE):
        return codes.groups()
    raise ValueError(f"its name does not have {form}")


def original_name(name: str) -> str:
    """The name of which a program made that of a copy: "OAF_back_fear (2)" is a copy of "OAF_back_fear"."""
    return re.sub(r"( ?\(\d+\)| - Copy)+$", "", name)


def code(kind: str, value: str, meanings: Mapping[str, str]) -> str:
    """The meaning of a code in a file name; `ValueError` if it is unknown."""
    if value in meanings:
        return meanings[value]
    raise ValueError(f"{kind} code {value} is not one of {', '.join(meanings)}")


def list_clips(
    files: Iterable[T],
    parse: Callable[[T], Clip],
    identity: Callable[[Clip], Hashable] = lambda clip: clip.path.with_name(original_name(clip.path.stem)),
    under: Path | None = None,
    path: Callable[[T], Path] = lambda file: cast(Path, file),
) -> Listing:
    """List files, or segments of files, as clips.

    Empty files and Git LFS pointers are skipped here; other damage is found when the clips are decoded.

    Args:
        parse: returns the clip of a file; raises `ValueError` for a name outside of the corpus's naming scheme, and
            `OutOfScope` for a file to skip.
        identity: equal for files of the same clip, of which the first is listed; by default the path without suffix.
        under: folder whose audio files of other formats are counted in a note.
        path: returns the path of a file, if `files` has something else.
    """
    clips: list[Clip] = []
    skipped: list[SkippedFile] = []
    listed: set[Hashable] = set()
    problem = functools.cache(_problem)  # a file may have many segments
    for file in files:
        try:
            clip = parse(file)
            if identity(clip) in listed:
                raise OutOfScope("is a duplicate of a clip in another folder or format")
            if damage := problem(path(file)):
                skipped.append(SkippedFile(path(file), damage))
                continue
            clips.append(clip)
            listed.add(identity(clip))
        except OutOfScope as reason:
            skipped.append(SkippedFile(path(file), str(reason), damage=False))
        except ValueError as reason:
            skipped.append(SkippedFile(path(file), str(reason)))
    return Listing(tuple(clips), tuple(skipped), other_formats(under) if under else ())


def other_formats(folder: Path, read: Collection[str] = SUFFIXES) -> tuple[str, ...]:
    """A note on the audio and video files under a folder whose format is not read, if there are any."""
    files = audio_files(folder, AUDIO.difference(read))
    if not files:
        return ()
    kinds = ", ".join(sorted({path.suffix.lower() for path in files}))
    return (f"{counted(len(files), 'file')} of another format, not read ({kinds}): {abbreviated(files)}",)


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
