"""Where the cache lives, and how a file is written so that nobody ever sees half of it."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def cache_dir() -> Path:
    """The folder for whatever can be made again: $AERSUT_CACHE, or `aersut` under $XDG_CACHE_HOME or ~/.cache."""
    if chosen := os.environ.get("AERSUT_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "aersut"


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` aside and rename it to `path`, so that `path` is either the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _open_up(Path(aside), 0o666)
        os.replace(aside, path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def write_text(path: Path, content: str) -> None:
    """`write_bytes` of UTF-8 text."""
    write_bytes(path, content.encode("utf-8", "surrogateescape"))


def write_json(path: Path, tree: Any) -> None:
    """`write_text` of indented JSON; NaN is refused, since other languages' parsers refuse it."""
    write_text(path, json.dumps(tree, indent=2, allow_nan=False) + "\n")


def _open_up(path: Path, most: int) -> None:
    """Give a temporary file or folder, which is its maker's alone, the mode that it would have had otherwise."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(most & ~umask)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a folder aside that becomes `path` when the block ends well, and vanishes when it does not.

    Where another process has made `path` meanwhile, theirs is kept: use it for content that is the same whoever
    makes it.
    """
    with folder_aside(path.parent, path.name) as aside:
        yield aside
        keep_folder(aside, path)


@contextlib.contextmanager
def folder_aside(parent: Path, name: str) -> Iterator[Path]:
    """Yield a hidden folder, `.NAME.` and something, that vanishes with the block unless `keep_folder` has kept it."""
    parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=parent, prefix=f".{name}."))
    try:
        _open_up(aside, 0o777)
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def keep_folder(aside: Path, path: Path) -> None:
    """Rename `aside` to `path`, unless another process has made that meanwhile; then theirs is kept."""
    try:
        os.rename(aside, path)
    except OSError:
        if not path.is_dir():
            raise


@contextlib.contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Yield a folder aside that takes the place of `path` when the block ends well, and vanishes when it does not.

    What was in `path` before stays as it was until then, and is gone afterwards.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside, before = (Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.")) for _ in range(2))
    try:
        _open_up(aside, 0o777)
        yield aside
        if path.exists():
            os.rename(path, before / path.name)
        os.rename(aside, path)
    except BaseException:
        if (before / path.name).exists() and not path.exists():
            os.rename(before / path.name, path)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)
