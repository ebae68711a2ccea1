"""Counts, sizes and paths as text."""

import os
from collections.abc import Sequence
from pathlib import Path


def printable(path: Path | str) -> str:
    """A path as text; bytes that are not valid UTF-8 are escaped."""
    return os.fspath(path).encode("utf-8", "backslashreplace").decode()


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 file", "1,200 files"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def megabytes(size: int) -> str:
    """A number of bytes in MB: "1,234.6 MB"."""
    return f"{size / 1e6:,.1f} MB"


def abbreviated(paths: Sequence[Path | str], most: int = 3) -> str:
    """The first names and the number of the others: "a.wav, b.wav, c.wav and 9 more"."""
    shown = [printable(path) for path in paths[:most]]
    return ", ".join(shown) + (f" and {len(paths) - most} more" if len(paths) > most else "")
