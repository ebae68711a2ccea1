"""A record of the files of an exported bundle, so that no command deletes what a user changed or added in it."""

import contextlib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path

from aersut.errors import UserError
from aersut.paths import read_json, write_json
from aersut.texts import abbreviated

RECORD = ".files.json"
"""The record in the bundle: the SHA-256 of each file that AERSUT has written."""
BUILT = (
    "*.o",
    "*.obj",
    "*.a",
    "*.d",
    "*.elf",
    "*.bin",
    "c/aersut",
    "c/aersut.exe",
    "*/build/*",
    "*/.pio/*",
    "*.DS_Store",
)
"""What compilers and file managers write, which can be made again."""


def record_bundle(folder: Path) -> None:
    """Record the files of a bundle."""
    write_json(folder / RECORD, {name: _digest(folder / name) for name in _names(folder)})


@contextlib.contextmanager
def recorded_update(folder: Path, *names: str) -> Iterator[None]:
    """Record the files that the block writes or edits, except one that the user had changed or added before."""
    known = read_json(folder / RECORD)
    own = [name for name in names if not (folder / name).exists() or _is_recorded(folder, name, known or {})]
    yield
    if known is not None:
        written = {name: _digest(folder / name) for name in own if (folder / name).exists()}
        write_json(folder / RECORD, {**known, **written})


def refuse_changed_bundle(folder: Path, purpose: str) -> None:
    """Raise `UserError` if files of a bundle were changed or added since AERSUT wrote it.

    A bundle without a record is one of an earlier version, of which nothing is known.

    Args:
        purpose: what the user wants, for the message: "export again".
    """
    known = read_json(folder / RECORD)
    if known is None:
        return
    changed = [name for name in _names(folder) if not _is_recorded(folder, name, known) and not is_built(name)]
    if changed:
        raise UserError(
            f"{folder} contains files that were changed or added since the export: {abbreviated(changed)}. Move them "
            f"out of the folder to {purpose}."
        )


def is_built(name: str) -> bool:
    """Whether a file of a bundle is the output of a compiler or file manager."""
    return any(fnmatch(name, pattern) for pattern in BUILT)


def _is_recorded(folder: Path, name: str, known: Mapping[str, str]) -> bool:
    return known.get(name) == _digest(folder / name)


def _names(folder: Path) -> list[str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [path.relative_to(folder).as_posix() for path in files if path != folder / RECORD]


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
