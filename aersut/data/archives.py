"""Unpack an untrusted zip archive: every name and size is checked first, and the target appears only when complete.

pooch's `Unzip` and `zipfile.extractall` were considered. Both sanitize an unsafe name instead of refusing the archive,
unpack in place, and ignore the unpacked size that the archive states.
"""

import re
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from tqdm import tqdm

from aersut.corpora.files import LFS_HEADER
from aersut.errors import UserError
from aersut.paths import new_folder
from aersut.progress import bars_are_shown
from aersut.texts import megabytes

LARGEST_RATIO = 20  # zip halves speech; an archive that unpacks to more than 20 times its size is not speech
LARGEST_POINTER = 1024  # bytes; the limit of the Git LFS specification
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)  # exceptions of zipfile for a damaged archive


class NoSpaceError(UserError):
    """Too little free space on a disk; the archive itself is valid."""


class LFSPointer(NamedTuple):
    """A Git LFS pointer: checksum (`sha256:…`) and size in bytes of its file."""

    checksum: str
    size: int


def unpack(archive: Path, target: Path, wanted: str, largest: int) -> int:
    """Unpack the members of a zip whose names match `wanted` into the new folder `target`; return their number.

    All names and sizes are checked before the first byte is written. Members are unpacked into a staging folder, which
    is renamed to `target` when it is complete.

    Args:
        wanted: a regular expression for the whole name of a member; other members are checked and skipped.
        largest: limit of the unpacked size in bytes; 20 times the size of the archive is a further limit.

    Raises:
        UserError: not a zip, damaged, too large, an unsafe member (a link, or a path outside of `target`), no wanted
            member, or a full disk. `target` does not exist then.
    """
    try:
        with zipfile.ZipFile(archive) as zip_file:
            limit = min(largest, LARGEST_RATIO * file_size(archive))
            members = _checked(archive.name, zip_file.infolist(), wanted, limit)
            target.parent.mkdir(parents=True, exist_ok=True)
            require_space(target.parent, sum(member.file_size for member in members))
            with new_folder(target) as staging:
                for member in tqdm(members, "unpacking", leave=False, disable=not bars_are_shown()):
                    path = staging / member.filename
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with zip_file.open(member) as packed, path.open("xb") as file:
                        shutil.copyfileobj(packed, file)
            return len(members)
    except UNREADABLE as error:
        raise UserError(
            f"{archive.name}: not a valid zip archive ({error}). Nothing was unpacked. Download it again."
        ) from error


def _checked(name: str, members: list[zipfile.ZipInfo], wanted: str, limit: int) -> list[zipfile.ZipInfo]:
    for member in members:
        if problem := _problem(member):
            raise UserError(
                f"{name}: its member {member.orig_filename!r} {problem}, as in an attack. Nothing was unpacked. Do not "
                "unpack it with another program; report it to its publisher."
            )
    if (total := sum(member.file_size for member in members)) > limit:
        raise UserError(
            f"{name}: would unpack to {megabytes(total)}, expected {megabytes(limit)} at most. Nothing was unpacked. "
            "It is not the published archive."
        )
    chosen = [member for member in members if re.fullmatch(wanted, member.filename)]
    if not chosen:
        raise UserError(f"{name}: none of its {len(members)} members matches {wanted}. Nothing was unpacked.")
    if len({member.filename for member in chosen}) < len(chosen):
        raise UserError(f"{name}: two of its members have the same name. Nothing was unpacked.")
    return chosen


def _problem(member: zipfile.ZipInfo) -> str | None:
    name = member.orig_filename
    if "\0" in name:
        return "has a name with a zero byte"
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        return "has an absolute path"
    if ".." in PureWindowsPath(name).parts:  # accepts both kinds of slash
        return "has a path outside of the target folder"
    if (kind := stat.S_IFMT(member.external_attr >> 16)) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a symbolic link" if kind == stat.S_IFLNK else "is neither a file nor a folder"
    return None


def lfs_pointers(archive: Path, wanted: str, largest: int) -> dict[str, LFSPointer]:
    """The Git LFS pointers in the zip of a repository, by file name; nothing is unpacked.

    Args:
        wanted: a regular expression for the whole name of a member that is a pointer.
        largest: limit of the total size of the files of all pointers, in bytes.

    Raises:
        UserError: not a zip, damaged, no wanted member, a wanted member that is not a pointer, or too large files.
    """
    pointers = {}
    try:
        with zipfile.ZipFile(archive) as zip_file:
            for member in zip_file.infolist():
                if not re.fullmatch(wanted, member.filename):
                    continue
                text = zip_file.read(member).decode("ascii", "replace") if member.file_size <= LARGEST_POINTER else ""
                match = re.search(r"^oid (sha256:[0-9a-f]{64})\nsize (\d{1,12})$", text, re.MULTILINE)
                if match is None or not text.startswith(LFS_HEADER.decode()):
                    raise UserError(
                        f"{archive.name}: expected its {member.filename} to be a Git LFS pointer. Update aersut."
                    )
                pointers[PurePosixPath(member.filename).name] = LFSPointer(match[1], int(match[2]))
    except UNREADABLE as error:
        raise UserError(
            f"{archive.name}: damaged ({error}). It was deleted; run the same command again to download it."
        ) from error
    if not pointers:
        raise UserError(f"{archive.name}: none of its members matches {wanted}. Update aersut.")
    if (total := sum(pointer.size for pointer in pointers.values())) > largest:
        raise UserError(
            f"{archive.name}: lists files of {megabytes(total)}, expected {megabytes(largest)} at most. Update aersut."
        )
    return pointers


def require_space(folder: Path, needed: int) -> None:
    """Raise `NoSpaceError` if the disk of `folder` has fewer than `needed` bytes free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise NoSpaceError(
            f"{folder}: {megabytes(needed)} are needed and {megabytes(free)} are free. Free some space, or choose "
            "another disk (AERSUT_CACHE for downloads, data.root for the corpus)."
        )


def file_size(path: Path) -> int:
    """The size of a file in bytes, 0 if it does not exist."""
    return path.stat().st_size if path.exists() else 0
