"""The store: every clip decoded once, kept as 16-bit samples in ArrayRecord shards that any process can read at random.

A store's folder is named after what is in it: the bytes of the clips and every setting that changes their samples. So
a changed file or setting makes another store, and two processes that build the same one do no harm.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import xxhash
from array_record.python.array_record_module import ArrayRecordWriter
from grain.sources import ArrayRecordDataSource
from jaxtyping import Int16

from aersut.config import digest
from aersut.data.audio import UNREADABLE, ClipError, file_bytes, parse, resample, to_int16, trim
from aersut.errors import UserError
from aersut.paths import cache_dir, folder_aside, keep_folder, write_text

T = TypeVar("T")
VERSION = 5  # raise it when the samples of an unchanged clip change, or what a store's index holds
CLIPS_PER_SHARD = 64, 1024  # at least and at most: a shard takes as long to open and close as a few clips to decode
SHARDS_PER_CORE = 12  # so that no core is long without work at the end; ArrayRecord buffers up to 16 MB of each
SETTLED = 2_000_000_000  # nanoseconds after which the next change shows in a file's times, on any file system


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

    def __init__(self, folder: Path) -> None:
        """Open a store.

        Raises:
            FileNotFoundError: there is none, or it has lost some of its files.
        """
        index = json.loads((folder / "index.json").read_text())
        self.key: str = folder.name
        self.rows: list[int] = index["rows"]
        self.contents: list[str] = index["contents"]
        self.facts = [Facts(*values) for values in index["facts"]]
        self.failures: dict[int, str] = {int(row): reason for row, reason in index["failures"].items()}
        shards = sorted(str(path) for path in folder.glob("*.array_record"))
        self._source = ArrayRecordDataSource(shards) if shards else ()
        if len(self._source) != len(self.rows):
            raise FileNotFoundError(f"{folder} has lost {len(self.rows) - len(self._source)} clips")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Int16[np.ndarray, " samples"]:
        return np.frombuffer(self._source[index], dtype=np.int16)


def open_store(paths: Sequence[Path], sample_rate: int, trim_db: float | None, under: Path | None = None) -> Store:
    """Return the store of these clips, decoding them on all cores where it does not exist yet.

    Where one has been opened for the very files, as their names, sizes and times tell, they are not read again.

    Args:
        paths: the sound files.
        sample_rate: in Hz.
        trim_db: see `aersut.data.audio.trim`; None keeps the silence.
        under: the folder of stores; by default the cache's.

    Raises:
        UserError: the store cannot be written, or somebody has removed a part of it.
    """
    settings = [VERSION, sample_rate, trim_db]
    siblings = (under or cache_dir() / "store") / digest([settings, len(paths)])
    now, states = time.time_ns(), _states(paths)
    note = siblings / "opened" / digest(states)
    with contextlib.suppress(FileNotFoundError):
        return Store(siblings / note.read_text())

    def named(contents: list[str]) -> Path:
        return siblings / digest([settings, contents])

    # where there is no store of as many clips, a corpus is read but once
    if not siblings.is_dir() or not (folder := named(_on_all_cores(_contents, paths))).is_dir():
        with folder_aside(siblings, "new") as aside:
            folder = named(_build(aside, paths, sample_rate, trim_db))  # a file may have changed since it was hashed
            keep_folder(aside, folder)
    try:
        store = Store(folder)
    except FileNotFoundError:
        raise UserError(f"{folder} is not whole any more. Remove it, and it is built again.") from None
    readable = all(states[row].absent for row, reason in store.failures.items() if reason.startswith(UNREADABLE))
    settled = all(abs(now - stamp) > SETTLED for state in states for stamp in state.stamps)
    if readable and settled and _states(paths) == states:
        with contextlib.suppress(OSError):  # the stores may be another user's
            write_text(note, folder.name)
    return store


class _State(NamedTuple):
    """What tells, without a look into a file, whether it is as it was.

    Attributes:
        path: absolute.
        size: in bytes; -1 where there is no such file.
        inode: its number in the file system.
        stamps: when it was last written and last changed in any way, in nanoseconds. Programs can set the first, as
            those that copy and unpack do; the second they cannot, where the file system has one.
    """

    path: str
    size: int = -1
    inode: int = 0
    stamps: tuple[int, ...] = ()

    @property
    def absent(self) -> bool:
        """There is no such file."""
        return self.size < 0


def _states(paths: Sequence[Path]) -> list[_State]:
    states = []
    for path in paths:
        name = str(path.absolute())
        try:
            facts = path.stat()
        except OSError:
            states.append(_State(name))
        else:
            states.append(_State(name, facts.st_size, facts.st_ino, (facts.st_mtime_ns, facts.st_ctime_ns)))
    return states


def _on_all_cores(function: Callable[[int, Iterable[Path]], list[T]], paths: Sequence[Path]) -> list[T]:
    """Apply a function to parts of the paths, each with the position of its first, and join what it returns.

    In threads: what takes long in soundfile, soxr and numpy goes without the interpreter lock. Parts are long, since
    handing over each clip by itself costs a fifth of decoding it.
    """
    cores = os.cpu_count() or 1
    length = min(max(-(-len(paths) // (SHARDS_PER_CORE * cores)), CLIPS_PER_SHARD[0]), CLIPS_PER_SHARD[1])
    stop = threading.Event()

    def part(first: int) -> list[T]:
        return function(first, itertools.takewhile(lambda _: not stop.is_set(), paths[first : first + length]))

    with ThreadPoolExecutor(cores) as pool:
        try:
            return [result for some in pool.map(part, range(0, len(paths), length)) for result in some]
        except BaseException:
            stop.set()  # an interrupt does not wait for whole parts
            raise


def _contents(_: int, paths: Iterable[Path]) -> list[str]:
    """A hash of each file's bytes, or the reason why it cannot be read."""
    contents = []
    for path in paths:
        try:
            contents.append(_hash(file_bytes(path)))
        except ClipError as error:
            contents.append(str(error))
    return contents


def _hash(content: bytes) -> str:
    """By xxHash, which tells recordings apart and guards nothing; SHA-256 takes 30 times as long."""
    return xxhash.xxh3_128_hexdigest(content)


class _Outcome(NamedTuple):
    """What became of a file: the hash of its bytes, if it could be read, and its facts or why it is left out."""

    content: str = ""
    facts: Facts | None = None
    reason: str = ""


def _build(folder: Path, paths: Sequence[Path], sample_rate: int, trim_db: float | None) -> list[str]:
    """Decode clips into a store, and return `_contents` of what was decoded.

    Raises:
        UserError: the store cannot be written.
    """

    def shard(first: int, paths: Iterable[Path]) -> list[_Outcome]:
        """Write a shard; each thread has its own, so that none waits for another."""
        outcomes = []
        file = str(folder / f"{first:08}.array_record")
        try:
            with contextlib.closing(ArrayRecordWriter(file, "group_size:1,uncompressed")) as writer:
                for path in paths:
                    outcome, samples = _decode(path, sample_rate, trim_db)
                    if samples is not None:
                        writer.write(samples.tobytes())
                    outcomes.append(outcome)
        except RuntimeError as error:  # all that ArrayRecord knows
            raise UserError(f"The store cannot be written: {error}") from None
        return outcomes

    # glibc gives every block above a limit back to the system at once, and faulting its pages in again takes longer
    # than decoding a clip; freeing one large block raises that limit (mallopt(3), M_MMAP_THRESHOLD)
    np.empty(31 << 20, np.uint8)
    outcomes = _on_all_cores(shard, paths)
    index = {
        "rows": [row for row, outcome in enumerate(outcomes) if outcome.facts],
        "contents": [outcome.content for outcome in outcomes if outcome.facts],
        "facts": [dataclasses.astuple(outcome.facts) for outcome in outcomes if outcome.facts],
        "failures": {row: outcome.reason for row, outcome in enumerate(outcomes) if not outcome.facts},
    }
    write_text(folder / "index.json", json.dumps(index))  # not indented, which takes ten times as long
    return [outcome.content or outcome.reason for outcome in outcomes]


def _decode(
    path: Path, sample_rate: int, trim_db: float | None
) -> tuple[_Outcome, Int16[np.ndarray, " samples"] | None]:
    """Hash and decode the same bytes, whatever is written to the file meanwhile."""
    content = ""
    try:
        data = file_bytes(path)
        content = _hash(data)
        recording = parse(data)
        kept = recording if trim_db is None else trim(recording, trim_db)
        samples = to_int16(resample(kept, sample_rate))
    except ClipError as error:
        return _Outcome(content, reason=str(error)), None
    facts = Facts(round(recording.seconds, 4), recording.sample_rate, round(recording.clipped, 6))
    return _Outcome(content, facts), samples
