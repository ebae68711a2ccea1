"""The audio store: a cache of decoded clips, 16-bit samples in ArrayRecord shards with random access.

The name of a store's folder is a hash of its inputs: the bytes of the clips and every setting that changes their
samples. A changed file or setting selects another store, and two processes may build the same one at once.
"""

import contextlib
import dataclasses
import itertools
import json
import math
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import xxhash
from array_record.python.array_record_data_source import ArrayRecordDataSource
from array_record.python.array_record_module import ArrayRecordWriter
from jaxtyping import Int16

from aersut.data.audio import UNREADABLE, ClipError, cleaned, cut, file_bytes, parse_recording, resample, to_int16
from aersut.data.audio_files import NEEDS_FFMPEG
from aersut.errors import CacheError, UserError
from aersut.paths import cache_dir, publish_folder, staging_folder, write_text
from aersut.progress import stage
from aersut.tree import digest
from aersut.workers import core_count

T = TypeVar("T")
Span = tuple[float, float]
"""Start and end of a clip in its file, in s."""
WHOLE: Span = (0.0, math.inf)
_Clip = tuple[Path, Span]
VERSION = 7  # to be raised when the samples of an unchanged clip change, or the content of index.json
CLIPS_PER_SHARD = 64, 1024  # minimum, maximum: opening and closing a shard takes as long as decoding a few clips
SHARDS_PER_CORE = 12  # many, so that all cores finish at about the same time; ArrayRecord buffers up to 16 MB of each
TRANSIENT = UNREADABLE, NEEDS_FFMPEG  # reasons that may not hold later although the file is the same
SETTLED = 2_000_000_000  # nanoseconds after which a further change alters a file's times on every file system


@dataclass(frozen=True)
class AudioInfo:
    """Duration, sample rate in Hz and clipped fraction (0 to 1) of an audio file before trimming and resampling.

    `note` is what is unusual about the file, or "".
    """

    seconds: float
    sample_rate: int
    clipped: float
    note: str = ""


class AudioStore:
    """A random-access source of decoded clips; `store[n]` is the n-th clip, i16[samples].

    Attributes:
        key: a hash of the clips' contents and of the settings.
        rows: positions of the decoded clips in the list of paths from which the store was built.
        contents: a hash of the file of each decoded clip; equal for byte-identical files.
        infos: properties of the file of each decoded clip.
        failures: position in the list of paths, and reason, of each clip that could not be decoded.
    """

    def __init__(self, folder: Path) -> None:
        """Open a store; `FileNotFoundError` if it does not exist or some of its files are missing."""
        index = json.loads((folder / "index.json").read_text())
        self.key: str = folder.name
        self.rows: list[int] = index["rows"]
        self.contents: list[str] = index["contents"]
        self.infos = [AudioInfo(*values) for values in index["facts"]]
        self.failures: dict[int, str] = {int(row): reason for row, reason in index["failures"].items()}
        shards = sorted(str(path) for path in folder.glob("*.array_record"))
        self._source = ArrayRecordDataSource(shards) if shards else ()
        if len(self._source) != len(self.rows):
            raise FileNotFoundError(f"{folder}: {len(self.rows) - len(self._source)} clips are missing")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Int16[np.ndarray, " samples"]:
        return np.frombuffer(self._source[index], dtype=np.int16)


def open_audio_store(
    paths: Sequence[Path],
    sample_rate: int,
    trim_db: float | None,
    under: Path | None = None,
    spans: Sequence[Span] | None = None,
) -> AudioStore:
    """Open the store of these clips; if it does not exist, decode them on all cores first.

    Files whose names, sizes and times are those of an earlier call are not read again.

    Args:
        sample_rate: in Hz.
        trim_db: see `aersut.data.audio.trim`; None keeps the silence.
        under: the folder of stores; by default in the cache.
        spans: start and end of each clip in its file, in s; by default, whole files.

    Raises:
        UserError: the store cannot be written (`CacheError`), or some of its files were deleted.
    """
    clips = list(zip(paths, spans or [WHOLE] * len(paths), strict=True))
    settings = [VERSION, sample_rate, trim_db]
    siblings = (under or cache_dir() / "store") / digest([settings, len(paths)])
    now, states = time.time_ns(), _file_states(paths)
    segments = [span for _, span in clips if span != WHOLE]
    known = (
        siblings / "opened" / digest([states, spans] if segments else states)
    )  # contains the name of the store of files in these states
    with contextlib.suppress(FileNotFoundError):
        return AudioStore(siblings / known.read_text())

    def folder_of(contents: list[str]) -> Path:
        return siblings / digest([settings, contents])

    # without a store of equally many clips, files are not hashed first: decoding reads and hashes them anyway
    if not siblings.is_dir() or not (folder := folder_of(_on_all_cores("reading", _content_hashes, clips))).is_dir():
        with staging_folder(siblings, "new") as staging:
            folder = folder_of(_build(staging, clips, sample_rate, trim_db))  # files may have changed since hashing
            publish_folder(staging, folder)
    try:
        store = AudioStore(folder)
    except FileNotFoundError:
        raise UserError(
            f"{folder}: files of this audio store are missing. Delete the folder to build it again."
        ) from None
    readable = all(states[row].size < 0 for row, reason in store.failures.items() if reason.startswith(TRANSIENT))
    settled = all(abs(now - stamp) > SETTLED for state in states for stamp in state.stamps)
    if readable and settled and _file_states(paths) == states:
        with contextlib.suppress(OSError):  # another user may own the folder
            write_text(known, folder.name)
    return store


class _FileState(NamedTuple):
    """Metadata that reveals a change of a file without reading it.

    Attributes:
        path: absolute.
        size: in bytes; -1 for a file that does not exist.
        inode: its number in the file system.
        stamps: times of the last change of the content (mtime) and of content or metadata (ctime), in nanoseconds.
            Programs that copy or unpack set mtime; they cannot set ctime, which not every file system has.
    """

    path: str
    size: int = -1
    inode: int = 0
    stamps: tuple[int, ...] = ()


def _file_states(paths: Sequence[Path]) -> list[_FileState]:
    states = []
    for path in paths:
        name = str(path.absolute())
        try:
            stat = path.stat()
            states.append(_FileState(name, stat.st_size, stat.st_ino, (stat.st_mtime_ns, stat.st_ctime_ns)))
        except OSError:
            states.append(_FileState(name))
    return states


def _on_all_cores(doing: str, function: Callable[[int, Iterable[_Clip]], list[T]], clips: Sequence[_Clip]) -> list[T]:
    """Apply a function to chunks of the clips in threads, and concatenate its results; show the progress.

    The function gets the position of a chunk's first clip, and the chunk. soundfile, soxr and numpy release the
    interpreter lock. Chunks are long, since a task for each clip costs a fifth of the clip's decoding time.
    """
    cores = core_count()
    length = min(max(-(-len(clips) // (SHARDS_PER_CORE * cores)), CLIPS_PER_SHARD[0]), CLIPS_PER_SHARD[1])
    stop = threading.Event()

    def chunk(first: int) -> list[T]:
        return function(first, itertools.takewhile(lambda _: not stop.is_set(), clips[first : first + length]))

    found = []
    with stage(f"{doing} {len(clips):,} clips", len(clips)) as shown, ThreadPoolExecutor(cores) as pool:
        try:
            for results in pool.map(chunk, range(0, len(clips), length)):
                found += results
                shown.update(len(results))
            return found
        except BaseException:
            stop.set()  # an interrupt does not wait for whole chunks
            raise


def _content_hashes(_: int, clips: Iterable[_Clip]) -> list[str]:
    """A hash of each clip's content, or the reason why its file cannot be read."""
    hashes = []
    for path, group in itertools.groupby(clips, key=lambda clip: clip[0]):  # a file with many segments is read once
        spans = [span for _, span in group]
        try:
            content = _hash(file_bytes(path))
            hashes += [_of_span(content, span) for span in spans]
        except ClipError as error:
            hashes += [str(error)] * len(spans)
    return hashes


def _of_span(content: str, span: Span) -> str:
    """The hash of a segment, from that of its file."""
    return content if span == WHOLE else f"{content}@{span[0]:.10g}-{span[1]:.10g}"


def span_of(content: str) -> tuple[str, Span]:
    """The hash of the file, and the segment, of the hash of a segment."""
    file, segment, times = content.partition("@")
    if not segment:
        return file, WHOLE
    start, end = re.split(r"(?<!e)-", times)  # not within 1e-05
    return file, (float(start), float(end))


def _hash(content: bytes) -> str:
    """xxHash, which identifies files but is not cryptographic; SHA-256 takes 30 times as long."""
    return xxhash.xxh3_128_hexdigest(content)


class _Outcome(NamedTuple):
    """Result for one file: the hash of its bytes if it is readable, and its properties or the reason to skip it."""

    content: str = ""
    info: AudioInfo | None = None
    reason: str = ""


def _build(folder: Path, clips: Sequence[_Clip], sample_rate: int, trim_db: float | None) -> list[str]:
    """Decode clips into a store; return the hash of each, or the reason why it cannot be read."""

    def shard(first: int, clips: Iterable[_Clip]) -> list[_Outcome]:
        """Write one shard; each thread writes its own, so that none waits for another."""
        outcomes = []
        file = str(folder / f"{first:08}.array_record")
        try:
            with contextlib.closing(ArrayRecordWriter(file, "group_size:1,uncompressed")) as writer:
                for path, group in itertools.groupby(clips, key=lambda clip: clip[0]):
                    for outcome, samples in _decode(path, [span for _, span in group], sample_rate, trim_db):
                        if samples is not None:
                            writer.write(samples.tobytes())
                        outcomes.append(outcome)
        except RuntimeError as error:  # the only exception that ArrayRecord raises
            raise CacheError(
                f"the audio store cannot be written to {folder.parent}: {error}. Free some space on its disk, or set "
                "AERSUT_CACHE to another folder."
            ) from None
        return outcomes

    # glibc returns every block above a limit to the system at once, and page faults of the next one take longer than
    # decoding a clip; freeing one large block raises that limit (mallopt(3), M_MMAP_THRESHOLD)
    np.empty(31 << 20, np.uint8)
    outcomes = _on_all_cores("decoding", shard, clips)
    index = {
        "rows": [row for row, outcome in enumerate(outcomes) if outcome.info],
        "contents": [outcome.content for outcome in outcomes if outcome.info],
        "facts": [dataclasses.astuple(outcome.info) for outcome in outcomes if outcome.info],
        "failures": {row: outcome.reason for row, outcome in enumerate(outcomes) if not outcome.info},
    }
    write_text(folder / "index.json", json.dumps(index))  # indenting takes ten times as long
    return [outcome.content or outcome.reason for outcome in outcomes]


def _decode(
    path: Path, spans: Sequence[Span], sample_rate: int, trim_db: float | None
) -> Iterator[tuple[_Outcome, Int16[np.ndarray, " samples"] | None]]:
    """Hash and decode the same bytes, even if the file changes meanwhile, and yield each segment."""
    content = ""
    try:
        data = file_bytes(path)
        content = _hash(data)
        recording = parse_recording(data)
    except ClipError as error:
        reason = str(error)
        # the reason takes the place of the content in the store's name, so that a later attempt makes another store
        known = content and not reason.startswith(TRANSIENT)
        for span in spans:
            yield _Outcome(_of_span(content, span) if known else "", reason=reason), None
        return
    for span in spans:
        try:
            one = cut(recording, *span)
            samples = to_int16(resample(cleaned(one, trim_db), sample_rate))
        except ClipError as error:
            yield _Outcome(_of_span(content, span), reason=str(error)), None
            continue
        info = AudioInfo(round(one.seconds, 4), one.sample_rate, round(one.clipped, 6), one.note)
        yield _Outcome(_of_span(content, span), info), samples
