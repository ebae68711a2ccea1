"""The cache folder, the home folder, files below a folder, and atomic writing of files and folders."""

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aersut.errors import CacheError, UserError


def cache_dir() -> Path:
    """The folder of data that can be regenerated: $AERSUT_CACHE, or `aersut` under $XDG_CACHE_HOME or ~/.cache.

    Raises:
        CacheError: none of them is set, and this user has no home folder.
    """
    try:
        if chosen := os.environ.get("AERSUT_CACHE"):
            return Path(chosen).expanduser()
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "aersut"
    except RuntimeError:
        raise CacheError(
            "there is no folder for the cache: this user has no home folder. Set AERSUT_CACHE to a writable folder."
        ) from None


def expanded(path: Path | str) -> Path:
    """A path whose leading ~ is replaced by the home folder; `UserError` if the user has none."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(f"{path}: the home folder is unknown. Set HOME, or give the path without ~.") from None


def refuse_other_file(path: Path, mark: bytes, what: str) -> None:
    """Raise `UserError` if a file that is to be written would replace one of the user's, or a folder.

    Args:
        mark: text near the start of each file that this program writes there.
        what: such a file, for the message.
    """
    if path.exists() and not (path.is_file() and mark in path.read_bytes()[:4096]):
        raise UserError(f"{path} exists and is not {what}; choose another --output.")


def files_below(folder: Path) -> Iterator[Path]:
    """The files at any depth of a folder, without hidden ones (so without AppleDouble's `._` files).

    Links to folders are followed after everything else, so that each real folder is listed once, and by its own name.

    Raises:
        OSError: a folder cannot be read. One that does not exist has no files.
    """

    def stop(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    seen, pending = set(), [str(folder)]
    while pending:
        for parent, folders, names in os.walk(pending.pop(0), onerror=stop):
            state = os.stat(parent)
            known, visible = (
                (state.st_dev, state.st_ino) in seen,
                [name for name in folders if not name.startswith(".")],
            )
            seen.add((state.st_dev, state.st_ino))
            folders[:] = [] if known else sorted(visible)
            if not known:
                pending += [path for name in folders if os.path.islink(path := os.path.join(parent, name))]
                yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically: to a temporary file, which is then renamed to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, content.encode("utf-8", "surrogateescape"))


def write_json(path: Path, tree: Any) -> None:
    """Write indented JSON atomically; `ValueError` for NaN and infinity, which JSON does not have."""
    write_text(path, json.dumps(tree, indent=2, allow_nan=False) + "\n")


def read_json(path: Path, object_hook: Any = None) -> dict[str, Any] | None:
    """The JSON object in a file; None if the file does not exist or is damaged."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"), object_hook=object_hook)
    except (OSError, ValueError):
        return None
    return tree if isinstance(tree, dict) else None


def _temporary(path: Path) -> Path:
    """A hidden name beside `path`; `tempfile` would create it with a mode that only its owner may read."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}")


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a staging folder that is renamed to `path` at the end of the block, and deleted if the block fails.

    If another process has created `path` meanwhile, that folder is kept. So the content must not depend on the process.
    """
    with staging_folder(path.parent, path.name) as staging:
        yield staging
        publish_folder(staging, path)


@contextlib.contextmanager
def staging_folder(parent: Path, name: str) -> Iterator[Path]:
    """Yield a hidden folder `.NAME.…`, which is deleted at the end of the block unless `publish_folder` renamed it."""
    parent.mkdir(parents=True, exist_ok=True)
    staging = _temporary(parent / name)
    staging.mkdir()
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def publish_folder(staging: Path, path: Path) -> None:
    """Rename `staging` to `path`, unless another process has created `path` meanwhile; then that folder is kept."""
    try:
        os.rename(staging, path)
    except OSError:
        if not path.is_dir():
            raise


@contextlib.contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Yield a staging folder that replaces `path` at the end of the block, and is deleted if the block fails.

    The content of `path` is unchanged until then, and deleted afterwards.
    """
    with staging_folder(path.parent, path.name) as staging, staging_folder(path.parent, path.name) as before:
        yield staging
        try:
            if path.exists():
                os.rename(path, before / path.name)
            os.rename(staging, path)
        except BaseException:
            if (before / path.name).exists() and not path.exists():
                os.rename(before / path.name, path)
            raise
