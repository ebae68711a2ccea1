"""Prediction for audio files and raw sample streams, as a table, CSV or JSON."""

import contextlib
import csv
import ctypes
import functools
import io
import json
import multiprocessing
import os
import signal
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from aersut.audio_input import READABLE
from aersut.data.audio import ClipError, joined, read_utterance
from aersut.errors import UserError
from aersut.labels import MESSAGE_COLUMNS, WINDOW_COLUMNS
from aersut.paths import files_below
from aersut.serving.prediction import UNCERTAIN, Prediction
from aersut.serving.recognizer import Recognizer
from aersut.serving.vad import VAD_THRESHOLD
from aersut.texts import printable
from aersut.workers import core_count

MAX_UTTERANCE = 10.0
"""In seconds: longer files are classified window by window. No clip of RAVDESS, CREMA-D or EmoDB is longer."""
CHUNK_FILES, CHUNK_BYTES = 8, 4_000_000
"""Limits of the files that a worker process classifies before it returns their results."""
PR_SET_PDEATHSIG = 1
"""Option of Linux's prctl: the signal that a process gets when its parent ends."""
FILES = frozenset({b"fLaC", b"OggS", b"FORM", b"caff", b".snd", b"RF64", b"RIFX", b"\x1a\x45\xdf\xa3", b"#!AM"})
"""First bytes of audio files, which would be noise as raw samples."""
UNKNOWN_LENGTH = 0x7FFF0000
"""Size in a WAV header from which it is a placeholder, of a recorder that writes to a pipe (ffmpeg: 0xFFFFFFFF)."""
STANDARD_INPUT = Path("-")
"""Stands for a stream in the file column of CSV."""


@dataclass(frozen=True)
class PredictOptions:
    """Settings of window-by-window prediction.

    Attributes:
        hop, smoothing, vad_threshold: see `Recognizer.stream`.
        whole: files of up to `MAX_UTTERANCE` are classified as a whole, unless there is a hop or smoothing.
    """

    hop: float | None = None
    smoothing: float | None = None
    vad_threshold: float | None = VAD_THRESHOLD
    whole: bool = True

    @property
    def stream_arguments(self) -> dict[str, Any]:
        """The keyword arguments of `Recognizer.stream` and `over_time`."""
        return {"hop": self.hop, "smoothing": self.smoothing, "vad_threshold": self.vad_threshold}


@dataclass(frozen=True)
class FilePrediction:
    """The predictions for a file, or the reason why it cannot be used.

    Attributes:
        predictions: one for an utterance, one per window for a longer file.
        error: the reason, or "".
    """

    file: Path
    predictions: tuple[Prediction, ...] = ()
    error: str = ""

    @property
    def warning(self) -> str:
        """Why the predictions are unreliable, or ""."""
        return joined(*(one.warning for one in self.predictions))


def find_files(paths: Sequence[str]) -> list[Path]:
    """List the files among the paths, and the audio files in the folders among them, in a deterministic order.

    Raises:
        UserError: a path does not exist or cannot be read, or a folder contains no audio file.
    """
    files: list[Path] = []
    for text in paths:
        path = Path(text)
        if not text:  # Path("") is the working directory
            raise UserError("a path is empty, as of an unset variable: expected an audio file or a folder.")
        if not path.exists():
            raise UserError(f"{printable(path)}: no such file or folder.")
        found = [file for file in _files(path) if file.suffix.lower() in READABLE] if path.is_dir() else [path]
        if not found:
            raise UserError(f"{printable(path)} contains no audio file ({', '.join(sorted(READABLE))}).")
        files += found
    return files


def other_files(paths: Sequence[str]) -> str:
    """How many files of the folders among the paths `find_files` passes over, by suffix; "" if there is none."""
    names = [path.suffix.lower() for folder in map(Path, paths) if folder.is_dir() for path in _files(folder)]
    others = Counter(suffix for suffix in names if suffix not in READABLE)
    if not others:
        return ""
    kinds = ", ".join(f"{count:,} {suffix or 'without suffix'}" for suffix, count in others.most_common(5))
    more = ", …" if len(others) > 5 else ""
    return f"{others.total():,} files of the folders are not audio files by their suffix ({kinds}{more})"


def predict_files(recognizer: Recognizer, files: Sequence[Path], options: PredictOptions) -> Iterator[FilePrediction]:
    """Classify files on all CPU cores; the results have the order of the files.

    Threads would take twice as long as processes, since each clip has many short operations, after each of which a
    thread waits for the interpreter's lock. Forked processes share the loaded model. A process with the threads of JAX
    must not be forked, nor most processes on other systems than Linux; there, threads classify the files.

    Raises:
        UserError: a worker process died.
    """
    classify = functools.partial(_predict_file, recognizer, options)
    workers = min(core_count(), len(files))
    if workers < 2:
        yield from map(classify, files)
    elif executor := _process_pool(classify, workers):
        yield from _in_processes(executor, files, workers)
    else:
        with ThreadPoolExecutor(workers) as threads:
            yield from threads.map(classify, files)


def _process_pool(classify: Callable[[Path], FilePrediction], workers: int) -> ProcessPoolExecutor | None:
    """Processes that classify files; None where they cannot be forked, or where there are no semaphores."""
    if sys.platform != "linux" or "jax" in sys.modules:
        return None
    fork = multiprocessing.get_context("fork")
    try:
        return ProcessPoolExecutor(workers, fork, _start_worker, (classify, os.getpid()))
    except (ImportError, OSError, RuntimeError):  # sandboxes without /dev/shm or semaphores, such as AWS Lambda
        return None


def _in_processes(executor: ProcessPoolExecutor, files: Sequence[Path], workers: int) -> Iterator[FilePrediction]:
    others = set(multiprocessing.active_children())
    try:
        with executor as processes:
            # not `map`, which would cancel its tasks: the executor fails if workers die after that
            tasks = [processes.submit(_classify, chunk) for chunk in _chunks(files, workers)]
            try:
                for task in tasks:
                    yield from task.result()
            except BaseException:  # such as Ctrl-C, or a caller that needs no further results
                for worker in set(multiprocessing.active_children()) - others:
                    worker.kill()
                raise
    except BrokenProcessPool:
        raise UserError(
            "a worker process ended unexpectedly: for lack of memory, or because a library crashed on a file. "
            "Predict fewer files in one command to find it."
        ) from None


def _chunks(files: Sequence[Path], workers: int) -> Iterator[list[Path]]:
    """Divide the files into lists, each of which a worker process classifies before it returns the results."""
    most = max(1, min(CHUNK_FILES, len(files) // (4 * workers)))
    chunk: list[Path] = []
    size = 0
    for file in files:
        with contextlib.suppress(OSError):  # the worker reports it
            size += file.stat().st_size
        chunk.append(file)
        if len(chunk) == most or size > CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def predict_stream(
    recognizer: Recognizer, source: BinaryIO, sample_rate: int, options: PredictOptions
) -> Iterator[Prediction]:
    """Classify raw 16-bit little-endian mono samples from a pipe, window by window as they arrive.

    Raises:
        UserError: the samples do not fill one frame.
    """
    sample_rate, channels, rest, left = _wav_header(source, sample_rate)
    stream = recognizer.stream(sample_rate, **options.stream_arguments)
    size = 2 * channels  # bytes of a sample of each channel
    while block := source.read1(min(left, 1 << 16)):  # type: ignore[attr-defined]
        left -= len(block)
        block = rest + block
        whole = len(block) // size * size
        rest = block[whole:]
        yield from stream.push(np.frombuffer(block[:whole], "<i2").astype(np.int16, copy=False).reshape(-1, channels))
    yield from stream.finish()
    if not stream.windows:
        raise UserError(
            f"standard input ended before {stream.least}. Expected 16-bit little-endian mono samples, for "
            f"example from arecord -t raw -f S16_LE -c 1 -r {sample_rate} | … --stream --rate={sample_rate}."
        )


def _wav_header(source: BinaryIO, sample_rate: int) -> tuple[int, int, bytes, int]:
    """Sample rate and channels of a stream, its first bytes, and the number of the others.

    The header of a WAV stream (arecord) is skipped, and what follows its samples is not read. A recorder that writes to
    a pipe does not know their number: it states 0, or about 2 or 4 GB.

    Raises:
        UserError: the stream is a file of another format, or a WAV stream whose samples are not of 16 bits.
    """
    first = source.read(12)
    if first[:4] in FILES or first[:3] == b"ID3" or first[4:8] == b"ftyp":
        raise UserError(
            "standard input is an audio file, not raw samples. Name the file, or decode it: "
            f"ffmpeg -i FILE -f s16le -ac 1 -ar {sample_rate} - | … --stream --rate={sample_rate}."
        )
    if first[:4] != b"RIFF" or first[8:] != b"WAVE":
        return sample_rate, 1, first, sys.maxsize
    channels = 1
    while len(head := source.read(8)) == 8 and head[:4] != b"data":
        length = struct.unpack("<I", head[4:])[0]
        chunk = source.read(length + length % 2)
        if head[:4] == b"fmt " and len(chunk) >= 16:
            kind, channels, sample_rate, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
            if kind not in (1, 0xFFFE) or bits != 16 or not channels:
                raise UserError(
                    f"standard input is a WAV stream of {bits} bits, format {kind:#x}: expected 16-bit integers. "
                    "Choose them with arecord -f S16_LE."
                )
    length = struct.unpack("<I", head[4:])[0] if len(head) == 8 else 0
    return sample_rate, channels, b"", length if 0 < length < UNKNOWN_LENGTH else sys.maxsize


class TableFormat:
    """Format results as lines of a table, under `header`; file names are relative to the files' common parent."""

    def __init__(self, labels: Sequence[str], files: Sequence[Path]) -> None:
        self._folder: str | None = None
        with contextlib.suppress(ValueError):  # on several drives of Windows, where file names stay absolute
            self._folder = os.path.commonpath([file.absolute().parent for file in files])
        self._label_width = max(map(len, (*labels, UNCERTAIN))) + 2
        self._name_width = max(4, *(len(self._name(file)) for file in files))
        self.header = (
            f"{'file':{self._name_width}}  {'from':>9}   {'to':>9}  {'emotion':{self._label_width}} confidence"
        )

    def __call__(self, result: FilePrediction) -> str:
        name = f"{self._name(result.file):{self._name_width}}"
        if result.error:
            return f"{name}  {result.error}"
        return "\n".join(f"{name}  {self._line(one)}" for one in result.predictions)

    def _name(self, file: Path) -> str:
        path = file.absolute()
        return printable(path.relative_to(self._folder) if self._folder else path)

    def _line(self, one: Prediction) -> str:
        emotion = f"{one.emotion:{self._label_width}} {one.confidence:10.2f}" if one.emotion else "silence"
        return f"{_clock(one.start):>9} – {_clock(one.end):>9}  {emotion}"


class CsvFormat:
    """Format results as lines of CSV, under `header`; the emotion of silence is empty."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = labels
        self.header = ",".join([*WINDOW_COLUMNS, *labels, *MESSAGE_COLUMNS])

    def __call__(self, result: FilePrediction) -> str:
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        file = printable(result.file)
        if result.error:
            rows.writerow([file, *[""] * (5 + len(self.labels)), result.error])
        for one in result.predictions:
            values = one.as_json()
            start = [file, *(values[key] for key in WINDOW_COLUMNS[1:])]
            probabilities = (values["probabilities"].get(label, "") for label in self.labels)
            rows.writerow([*start, *probabilities, one.warning, ""])
        return text.getvalue().rstrip("\n")


def as_json_lines(result: FilePrediction) -> str:
    """Format a result as lines of JSON: one per prediction, or one with an "error"."""
    file = printable(result.file)
    if result.error:
        return json.dumps({"file": file, "error": result.error})
    return "\n".join(json.dumps({"file": file, **one.as_json()}) for one in result.predictions)


_inherited: Callable[[Path], FilePrediction]
"""The task of a worker process: it inherits the recognizer, which cannot be sent to it."""


def _start_worker(classify: Callable[[Path], FilePrediction], parent: int) -> None:
    global _inherited
    _inherited = classify
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as it is in the background of a shell script
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a worker at once and without a traceback
    # a worker that waits for work would not notice that its parent was killed
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _classify(files: list[Path]) -> list[FilePrediction]:
    return [_inherited(file) for file in files]


def _predict_file(recognizer: Recognizer, options: PredictOptions, file: Path) -> FilePrediction:
    try:
        whole = options.whole and options.hop is None and not options.smoothing
        recording = read_utterance(file, MAX_UTTERANCE) if whole else None
        if recording:
            return FilePrediction(file, (recognizer.utterance(recording, options.vad_threshold),))
        return FilePrediction(file, tuple(recognizer.over_time(file, **options.stream_arguments)))
    except (ClipError, UserError) as error:
        return FilePrediction(file, error=str(error).removeprefix(f"{file} ").rstrip("."))


def _files(folder: Path) -> list[Path]:
    try:
        return list(files_below(folder))
    except OSError as error:
        raise UserError(f"folder {error.filename} cannot be read: {error.strerror}.") from None


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"
