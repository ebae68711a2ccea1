"""The store: every clip decoded once, kept as 16-bit samples in ArrayRecord shards that any process can read at random.

A store's folder is named after what is in it: the bytes of the clips and every setting that changes their samples. So
a changed file or setting makes another store, and two processes that build the same one do no harm.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from array_record.python.array_record_module import ArrayRecordWriter
from grain.sources import ArrayRecordDataSource
from jaxtyping import Int16

from aersut.config import digest
from aersut.data.audio import ClipError, read, resample, to_int16, trim
from aersut.paths import cache_dir, new_folder, write_json

VERSION = 2  # of the decoding: raise it when the samples of an unchanged clip change
CLIPS_PER_SHARD = 4096


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
        facts: of each of these clips' files.
        failures: position and reason of each of the others.
    """

    def __init__(self, folder: Path) -> None:
        index = json.loads((folder / "index.json").read_text())
        self.key: str = folder.name
        self.rows: list[int] = index["rows"]
        self.facts = [Facts(*values) for values in index["facts"]]
        self.failures: dict[int, str] = {int(row): reason for row, reason in index["failures"].items()}
        shards = sorted(str(path) for path in folder.glob("*.array_record"))
        self._source = ArrayRecordDataSource(shards) if self.rows else None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Int16[np.ndarray, " samples"]:
        assert self._source is not None
        return np.frombuffer(self._source[index], dtype=np.int16)


def fingerprints(paths: Sequence[Path]) -> list[str]:
    """A hash of each file's bytes ("" for one that cannot be read): equal for clips that are the same recording."""

    def fingerprint(path: Path) -> str:
        try:
            return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
        except OSError:
            return ""

    with _threads() as pool:
        return list(pool.map(fingerprint, paths))


def open_store(
    paths: Sequence[Path], contents: Sequence[str], sample_rate: int, trim_db: float | None, under: Path | None = None
) -> Store:
    """Return the store of these clips, decoding them on all cores where it does not exist yet.

    Args:
        paths: the sound files.
        contents: their `fingerprints`.
        sample_rate: in Hz.
        trim_db: see `aersut.data.audio.trim`; None keeps the silence.
        under: the folder of stores; by default the cache's.
    """
    key = digest([VERSION, list(contents), sample_rate, trim_db])
    folder = (under or cache_dir() / "store") / key
    if not folder.is_dir():
        with new_folder(folder) as aside:
            _build(aside, paths, sample_rate, trim_db)
    return Store(folder)


def _build(folder: Path, paths: Sequence[Path], sample_rate: int, trim_db: float | None) -> None:
    def decoded(path: Path) -> tuple[Facts, bytes] | str:
        try:
            recording = read(path)
        except ClipError as error:
            return str(error)
        samples = resample(recording, sample_rate)
        facts = Facts(round(recording.seconds, 4), recording.sample_rate, round(recording.clipped, 6))
        return facts, to_int16(samples if trim_db is None else trim(samples, trim_db)).tobytes()

    rows: list[int] = []
    facts: list[Facts] = []
    failures: dict[int, str] = {}
    # soundfile, soxr and numpy release the interpreter lock, so threads use all cores without copies between processes
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(_threads())
        writer: ArrayRecordWriter | None = None
        for row, result in enumerate(pool.map(decoded, paths)):
            if isinstance(result, str):
                failures[row] = result
                continue
            if len(rows) % CLIPS_PER_SHARD == 0:
                if writer is not None:
                    writer.close()
                shard = folder / f"{len(rows) // CLIPS_PER_SHARD:05}.array_record"
                writer = ArrayRecordWriter(str(shard), "group_size:1,uncompressed")
            assert writer is not None
            writer.write(result[1])
            rows.append(row)
            facts.append(result[0])
        if writer is not None:
            writer.close()
    write_json(folder / "index.json", {"rows": rows, "facts": [astuple(fact) for fact in facts], "failures": failures})


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count())
