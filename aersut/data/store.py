"""The store: every clip decoded once, kept as 16-bit samples in ArrayRecord shards that any process can read at random.

A store's folder is named after what is in it: the bytes of the clips and every setting that changes their samples. So
a changed file or setting makes another store, and two processes that build the same one do no harm.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import xxhash
from array_record.python.array_record_module import ArrayRecordWriter
from grain.sources import ArrayRecordDataSource
from jaxtyping import Int16

from aersut.config import digest
from aersut.data.audio import ClipError, read, resample, to_int16, trim
from aersut.errors import UserError
from aersut.paths import cache_dir, new_folder, write_json

T = TypeVar("T")
R = TypeVar("R")
VERSION = 4  # of the decoding: raise it when the samples of an unchanged clip change
CLIPS_PER_SHARD = 1024


@dataclass(frozen=True)
class Facts:
    """What is worth knowing of a file as it was before it went into the store.

    Attributes:
        seconds: its length, silence included.
        sample_rate: in Hz.
        clipped: the share of samples at full scale.
    """

    seconds: float
    sample_rate: int
    clipped: float


class Store:
    """Decoded clips, a random-access source.

    Attributes:
        key: stands for the clips' contents and the settings.
        rows: the positions, among the paths that it was built from, of the clips that could be decoded.
        contents: a hash of each of these clips' files; equal for those that are the same recording.
        facts: of each of these clips' files.
        failures: position and reason of each of the others.
    """

    def __init__(self, folder: Path, contents: Sequence[str]) -> None:
        index = json.loads((folder / "index.json").read_text())
        self.key: str = folder.name
        self.rows: list[int] = index["rows"]
        self.contents = [contents[row] for row in self.rows]
        self.facts = [Facts(*values) for values in index["facts"]]
        self.failures: dict[int, str] = {int(row): reason for row, reason in index["failures"].items()}
        shards = sorted(str(path) for path in folder.glob("*.array_record"))
        self._source = ArrayRecordDataSource(shards) if self.rows else None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Int16[np.ndarray, " samples"]:
        assert self._source is not None
        return np.frombuffer(self._source[index], dtype=np.int16)


def open_store(paths: Sequence[Path], sample_rate: int, trim_db: float | None, under: Path | None = None) -> Store:
    """Return the store of these clips, decoding them on all cores where it does not exist yet.

    Args:
        paths: the sound files.
        sample_rate: in Hz.
        trim_db: see `aersut.data.audio.trim`; None keeps the silence.
        under: the folder of stores; by default the cache's.

    Raises:
        UserError: files keep changing while they are read.
    """
    for _ in range(3):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            contents = list(_spread(pool, _content, paths))
            key = digest([VERSION, contents, sample_rate, trim_db])
            folder = (under or cache_dir() / "store") / key
            try:
                if not folder.is_dir():
                    with new_folder(folder) as aside:
                        _build(aside, paths, contents, sample_rate, trim_db, pool)
                return Store(folder, contents)
            except _ChangedError as error:
                changed = error
    raise UserError(f"{changed} changes while it is read. Wait until whatever writes there has ended.")


def _spread(pool: ThreadPoolExecutor, function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Map on all cores, for soundfile, soxr and numpy release the interpreter lock.

    Items go out in groups: handing over each by itself costs a fifth of decoding it.
    """
    groups = [items[first : first + 8] for first in range(0, len(items), 8)]
    for results in pool.map(lambda group: [function(item) for item in group], groups):
        yield from results


class _ChangedError(Exception):
    """A file is not what it was when it was hashed, so what comes of it must not be kept under its hash."""


def _content(path: Path) -> str:
    """A hash of a file's bytes, or "" for one that cannot be read.

    xxHash tells recordings apart, it guards nothing: 30 times the speed of SHA-256, which was a seventh of a build.
    """
    try:
        return xxhash.xxh3_128_hexdigest(path.read_bytes())
    except OSError:
        return ""


def _build(
    folder: Path,
    paths: Sequence[Path],
    contents: Sequence[str],
    sample_rate: int,
    trim_db: float | None,
    pool: ThreadPoolExecutor,
) -> None:
    def decoded(row: int) -> tuple[list[float], bytes] | str:
        try:
            recording = read(paths[row])
            kept = recording if trim_db is None else trim(recording, trim_db)
            samples = to_int16(resample(kept, sample_rate)).tobytes()
        except ClipError as error:
            if _content(paths[row]) != contents[row]:  # it vanished, or is still being written
                raise _ChangedError(paths[row]) from None
            return str(error)
        return [round(recording.seconds, 4), recording.sample_rate, round(recording.clipped, 6)], samples

    rows: list[int] = []
    facts: list[list[float]] = []
    failures: dict[int, str] = {}
    # glibc gives every block above a limit back to the system at once, and faulting its pages in again takes longer
    # than decoding a clip; freeing one large block raises that limit (mallopt(3), M_MMAP_THRESHOLD)
    np.empty(31 << 20, np.uint8)
    for first in range(0, len(paths), CLIPS_PER_SHARD):
        some = range(first, min(first + CLIPS_PER_SHARD, len(paths)))
        shard = folder / f"{first // CLIPS_PER_SHARD:05}.array_record"
        with contextlib.closing(ArrayRecordWriter(str(shard), "group_size:1,uncompressed")) as writer:
            for row, result in zip(some, _spread(pool, decoded, some), strict=True):
                if isinstance(result, str):
                    failures[row] = result
                    continue
                writer.write(result[1])
                rows.append(row)
                facts.append(result[0])
        if not rows or rows[-1] < first:
            shard.unlink()  # a shard without a record cannot be opened
    write_json(folder / "index.json", {"rows": rows, "facts": facts, "failures": failures})
