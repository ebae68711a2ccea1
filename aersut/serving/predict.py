"""Sound files and what is heard in them, for a terminal and for machines."""

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from aersut.data.audio import ClipError, facts
from aersut.errors import UserError
from aersut.serving.prediction import Prediction
from aersut.serving.recognizer import Recognizer
from aersut.serving.stream import HOP, narrow
from aersut.serving.voice import GATE

SUFFIXES = frozenset(
    {".aif", ".aifc", ".aiff", ".au", ".avr", ".caf", ".flac", ".htk", ".mp3", ".nist", ".oga", ".ogg", ".opus"}
    | {".rf64", ".snd", ".sph", ".svx", ".voc", ".w64", ".wav", ".wve", ".xi"}
)
"""Of the files that a folder is searched for; a file that is named itself may be called what it likes."""

UTTERANCE = 10.0
"""In seconds: what is longer is followed over time. None of RAVDESS's, CREMA-D's and EmoDB's clips is."""


@dataclass(frozen=True)
class Options:
    """How recordings are followed over time.

    Attributes:
        hop: seconds from one window to the next; None judges utterances as a whole, and follows what is longer.
        smoothing, gate: see `Recognizer.stream`.
    """

    hop: float | None = None
    smoothing: float = 0.0
    gate: float | None = GATE

    @property
    def following(self) -> dict[str, Any]:
        """The arguments of `Recognizer.stream` and `over_time`."""
        return {"hop": HOP if self.hop is None else self.hop, "smoothing": self.smoothing, "gate": self.gate}


@dataclass(frozen=True)
class Heard:
    """What was heard in a file, or why it cannot be used.

    Attributes:
        predictions: one for an utterance, one per window for what is followed over time.
        problem: "" where all is well.
        warning: why it should be taken with caution, or "".
    """

    file: Path
    predictions: tuple[Prediction, ...] = ()
    problem: str = ""
    warning: str = ""


def find(paths: Sequence[str]) -> list[Path]:
    """The files that are named, and the sound files under the folders that are, in a deterministic order.

    Raises:
        UserError: one of the paths does not exist or cannot be read, or a folder holds no sound file.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if not path.exists():
            raise UserError(f"{shown(path)}: there is no such file or folder.")
        found = list(_under(path)) if path.is_dir() else [path]
        if not found:
            raise UserError(f"{shown(path)} holds no sound file ({', '.join(sorted(SUFFIXES))}).")
        files += found
    return files


def predict(recognizer: Recognizer, files: Iterable[Path], options: Options) -> Iterator[Heard]:
    """Judge files on all cores; results come in the files' order."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(lambda file: _heard(recognizer, file, options), files)


def listen(recognizer: Recognizer, source: BinaryIO, sample_rate: int, options: Options) -> Iterator[Prediction]:
    """Judge raw mono samples, 16 bits, little-endian, as they arrive from a pipe.

    Raises:
        UserError: there was not a frame of them.
    """
    stream = recognizer.stream(sample_rate, **options.following)
    rest = b""
    while piece := source.read1(1 << 16):  # type: ignore[attr-defined]
        piece = rest + piece
        whole = len(piece) // 2 * 2
        rest = piece[whole:]
        yield from stream.push(np.frombuffer(piece[:whole], "<i2").astype(np.int16, copy=False))
    yield from stream.finish()
    if not stream.windows:
        raise UserError(
            "standard input ended before there was a frame of sound. Send 16-bit little-endian mono samples: "
            f"arecord -f S16_LE -c 1 -r {sample_rate} | … --stream --rate={sample_rate}."
        )


class Table:
    """What prints files as lines of a table, under `header`.

    Attributes:
        folder: that holds them all; names are told from there.
    """

    def __init__(self, labels: Sequence[str], files: Sequence[Path]) -> None:
        self.folder = Path(os.path.commonpath([file.absolute().parent for file in files]))
        self._wide = max(map(len, labels)) + 2
        self._width = max(4, *(len(self._name(file)) for file in files))

    @property
    def header(self) -> str:
        """The first line."""
        return f"{'file':{self._width}}  {'from':>9}   {'to':>9}  {'emotion':{self._wide}} confidence"

    def __call__(self, heard: Heard) -> str:
        name = f"{self._name(heard.file):{self._width}}"
        if heard.problem:
            return f"{name}  {heard.problem}"
        return "\n".join(f"{name}  {self._line(one)}" for one in heard.predictions)

    def _name(self, file: Path) -> str:
        return shown(file.absolute().relative_to(self.folder))

    def _line(self, one: Prediction) -> str:
        emotion = f"{one.emotion:{self._wide}} {one.confidence:10.2f}" if one.emotion else "silence"
        return f"{_clock(one.start):>9} – {_clock(one.end):>9}  {emotion}"


def as_json(heard: Heard) -> str:
    """A file as lines of JSON, one per prediction, or one with an "error"."""
    file = shown(heard.file)
    if heard.problem:
        return json.dumps({"file": file, "error": heard.problem})
    return "\n".join(json.dumps({"file": file, **one.as_json()}) for one in heard.predictions)


class Rows:
    """What prints files as lines of CSV, under `header`; silence has no emotion."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = labels
        self.header = ",".join(["file", "start", "end", "emotion", "confidence", *labels, "error"])

    def __call__(self, heard: Heard) -> str:
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        file = shown(heard.file)
        if heard.problem:
            rows.writerow([file, *[""] * (4 + len(self.labels)), heard.problem])
        for one in heard.predictions:
            values = one.as_json()
            start = [file, *(values[key] for key in ("start", "end", "emotion", "confidence"))]
            rows.writerow([*start, *(values["probabilities"].get(label, "") for label in self.labels), ""])
        return text.getvalue().rstrip("\n")


def shown(path: Path) -> str:
    """A path as text; what is no UTF-8 in it is escaped."""
    return os.fspath(path).encode("utf-8", "backslashreplace").decode()


def _heard(recognizer: Recognizer, file: Path, options: Options) -> Heard:
    try:
        sample_rate, seconds = facts(file)
        warning = narrow(sample_rate, recognizer.framing.sample_rate)
        if options.hop is None and seconds <= UTTERANCE:
            return Heard(file, (recognizer(file),), warning=warning)
        return Heard(file, tuple(recognizer.over_time(file, **options.following)), warning=warning)
    except (ClipError, UserError) as error:
        return Heard(file, problem=str(error).removeprefix(f"{file} ").rstrip("."))


def _under(folder: Path) -> Iterator[Path]:
    def stop(error: OSError) -> None:
        raise UserError(f"folder {error.filename} cannot be read: {error.strerror}.")

    for parent, folders, names in os.walk(folder, onerror=stop):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield Path(parent, name)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"
