"""A record of the files of an exported bundle, so that no command deletes what a user changed or added in it."""

from collections.abc import Iterable
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path

from aersut.errors import UserError
from aersut.paths import abbreviated, read_json, write_json

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


def record_bundle(folder: Path, names: Iterable[str] | None = None) -> None:
    """Record the files of a bundle; with `names`, only these, in a bundle that has a record."""
    known = read_json(folder / RECORD)
    if names is None:
        known, names = {}, _names(folder)
    if known is not None:
        write_json(folder / RECORD, {**known, **{name: _digest(folder / name) for name in names}})


def refuse_changed_bundle(folder: Path, purpose: str) -> None:
    """Raise `UserError` if files of a bundle were changed or added since AERSUT wrote it.

    A bundle without a record is one of an earlier version, of which nothing is known.

    Args:
        purpose: what the user wants, for the message: "export again".
    """
    known = read_json(folder / RECORD)
    if known is None:
        return
    changed = [
        name
        for name in _names(folder)
        if known.get(name) != _digest(folder / name) and not any(fnmatch(name, pattern) for pattern in BUILT)
    ]
    if changed:
        raise UserError(
            f"{folder} contains files that were changed or added since the export: {abbreviated(changed)}. Move them "
            f"out of the folder to {purpose}."
        )


def _names(folder: Path) -> list[str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [path.relative_to(folder).as_posix() for path in files if path != folder / RECORD]


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
