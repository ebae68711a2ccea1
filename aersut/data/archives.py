"""Unpack a zip without trusting what it says: aside, and only when every name and size in it has been checked.

pooch's `Unzip` and `zipfile.extractall` were weighed: both bend a bad name into a good one where this refuses the
archive, both unpack in place, and neither minds what the archive claims to unpack to.
"""

import re
import shutil
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from tqdm import tqdm

from aersut.corpora.files import LFS_HEADER
from aersut.errors import UserError
from aersut.paths import new_folder

LARGEST_RATIO = 20  # speech packs to about half, so a zip that unpacks to more than 20 times its size is no speech
LARGEST_POINTER = 1024
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)  # what zipfile raises


class NoSpaceError(UserError):
    """Too little room on a disk: nothing is wrong with what was to be put there."""


class Pointer(NamedTuple):
    """What a Git LFS pointer says of its file."""

    checksum: str
    size: int


def unpack(archive: Path, target: Path, wanted: str, largest: int) -> int:
    """Unpack the members of a zip whose names match `wanted` into the new folder `target`, and return how many.

    All names and sizes are checked before the first byte is written, the unpacking happens aside, and only a whole
    folder is renamed to `target`.

    Args:
        wanted: a regular expression for the whole name of a member; the others are checked too, but passed over.
        largest: what the archive may unpack to, in bytes; nor may it be more than 20 times the archive's own size.

    Raises:
        UserError: not a zip, damaged, a member that would land outside of `target` or is a link, too large, no member
            that is wanted, or a full disk. `target` does not exist then.
    """
    try:
        with zipfile.ZipFile(archive) as zip_file:
            members = _checked(archive.name, zip_file.infolist(), wanted, min(largest, LARGEST_RATIO * size(archive)))
            target.parent.mkdir(parents=True, exist_ok=True)
            need_space(target.parent, sum(member.file_size for member in members))
            with new_folder(target) as aside:
                for member in tqdm(members, "unpacking", leave=False, disable=not sys.stderr.isatty()):
                    path = aside / member.filename
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with zip_file.open(member) as packed, path.open("xb") as file:
                        shutil.copyfileobj(packed, file)
            return len(members)
    except UNREADABLE as error:
        raise UserError(f"{archive.name}: no zip that can be unpacked ({error}). Nothing was unpacked.") from error


def _checked(name: str, members: Iterable[zipfile.ZipInfo], wanted: str, limit: int) -> list[zipfile.ZipInfo]:
    members = list(members)
    for member in members:
        if problem := _problem(member):
            raise UserError(
                f"{name}: its member {member.orig_filename!r} {problem}. Nothing was unpacked: an honest archive has "
                "no such member. Do not unpack it by other means; report it to whoever published it."
            )
    if (total := sum(member.file_size for member in members)) > limit:
        raise UserError(
            f"{name}: would unpack to {megabytes(total)}, expected {megabytes(limit)} at most. Nothing was unpacked."
        )
    chosen = [member for member in members if re.fullmatch(wanted, member.filename)]
    if not chosen:
        raise UserError(f"{name}: none of its {len(members)} members has a name like {wanted}. Nothing was unpacked.")
    if len({member.filename for member in chosen}) < len(chosen):
        raise UserError(f"{name}: some names occur twice in it. Nothing was unpacked.")
    return chosen


def _problem(member: zipfile.ZipInfo) -> str | None:
    name = member.orig_filename
    if "\0" in name:
        return "has a name with a zero byte"
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        return "has an absolute path"
    if ".." in PureWindowsPath(name).parts:  # which takes both kinds of slash
        return "has a path that leads outside"
    if (kind := stat.S_IFMT(member.external_attr >> 16)) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a symbolic link" if kind == stat.S_IFLNK else "is neither a file nor a folder"
    return None


def pointers_in(archive: Path, wanted: str, largest: int) -> dict[str, Pointer]:
    """The Git LFS pointers in the zip of a repository, by the last part of their names; nothing is unpacked.

    Args:
        wanted: a regular expression for the whole name of a member that is a pointer.
        largest: what all the files may take that the pointers stand for, in bytes.

    Raises:
        UserError: no zip, damaged, no member that is wanted, one that is no pointer, or files that are too large.
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
                        f"{archive.name}: expected its {member.filename} to be a Git LFS pointer; update aersut."
                    )
                pointers[PurePosixPath(member.filename).name] = Pointer(match[1], int(match[2]))
    except UNREADABLE as error:
        raise UserError(
            f"{archive.name}: damaged ({error}), and deleted. Run the same command again to fetch it anew."
        ) from error
    if not pointers:
        raise UserError(f"{archive.name}: none of its members has a name like {wanted}; update aersut.")
    if (total := sum(pointer.size for pointer in pointers.values())) > largest:
        raise UserError(f"{archive.name}: names files of {megabytes(total)}, expected {megabytes(largest)} at most.")
    return pointers


def need_space(folder: Path, need: int) -> None:
    """Refuse what would not fit.

    Raises:
        NoSpaceError: the disk of `folder` has fewer than `need` bytes free.
    """
    free = shutil.disk_usage(folder).free
    if need > free:
        raise NoSpaceError(
            f"{folder}: {megabytes(need)} are needed and {megabytes(free)} are free. Free some space, or choose "
            "another disk (AERSUT_CACHE for what is downloaded, data.root for what is unpacked)."
        )


def size(path: Path) -> int:
    """The size of a file in bytes, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def megabytes(count: int) -> str:
    """A size for people."""
    return f"{count / 1e6:,.1f} MB"
