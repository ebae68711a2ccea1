"""What the readers of file-named corpora share: walk a folder, and tell a clip from what must be left out."""

import os
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path

from aersut.contracts import Clip, LeftOut, Listing
from aersut.errors import UserError

SUFFIXES = (".wav", ".flac")
LFS_HEADER = b"version https://git-lfs"


class NoCounterpart(Exception):  # noqa: N818  (no error: a sorting)
    """Raised by a corpus's parser for a sound file whose emotion (or kind) is none of ours: left out, but no damage."""


def audio_files(folder: Path) -> list[Path]:
    """All .wav and .flac files under `folder`, sorted by path; none where it is not there.

    Hidden files and folders are passed over.

    Raises:
        UserError: a folder cannot be read.
    """

    def stop(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            remedy = "Give yourself the permission."
            raise UserError(f"folder {error.filename} cannot be read: {error.strerror}. {remedy}")

    files = []
    for parent, folders, names in os.walk(folder, onerror=stop):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [Path(parent, name) for name in names if name.lower().endswith(SUFFIXES) and not name.startswith(".")]
    return sorted(files)


def files_of(corpus: str, root: Path, how_to_get_it: str) -> list[Path]:
    """The audio files at any depth of the folder of `root` that is named after the corpus.

    Raises:
        UserError: there are none, or a folder cannot be read.
    """
    if files := audio_files(root / corpus):
        return files
    raise UserError(f"{corpus}: no .wav or .flac under {root / corpus}. {how_to_get_it}")


def beside(clip: Clip) -> Hashable:
    """Two files are the same clip where they differ in their suffix only."""
    return clip.path.with_suffix("")


def list_clips(
    files: Iterable[Path], parse: Callable[[Path], Clip], same: Callable[[Clip], Hashable] = beside
) -> Listing:
    """Turn files into clips with `parse(path)`, which raises `ValueError` for a name off the corpus's scheme.

    Of several files that `same` calls one clip, the first is taken. Files that are no audio by their first bytes are
    left out here already; the rest shows when they are decoded.
    """
    clips: list[Clip] = []
    left_out: list[LeftOut] = []
    taken: set[Hashable] = set()
    for path in files:
        try:
            clip = parse(path)
            if same(clip) in taken:
                raise NoCounterpart("the same clip is there in another folder or format")
            if problem := _problem(path):
                left_out.append(LeftOut(path, problem))
                continue
            clips.append(clip)
            taken.add(same(clip))
        except NoCounterpart as reason:
            left_out.append(LeftOut(path, str(reason), damage=False))
        except ValueError as reason:
            left_out.append(LeftOut(path, str(reason)))
    return Listing(tuple(clips), tuple(left_out))


def _problem(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            head = file.read(len(LFS_HEADER))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if not head:
        return "zero length"
    if head == LFS_HEADER:
        return "a Git LFS pointer instead of audio (run `git lfs pull` where it was cloned)"
    return None
