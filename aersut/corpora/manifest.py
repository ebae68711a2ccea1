"""The user's own speech: a CSV file with path, emotion and speaker of each audio file, or segment of one."""

import codecs
import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from aersut.contracts import UNKNOWN, Clip, Corpus, Listing
from aersut.corpora.files import list_clips
from aersut.corpora.labels import (
    IGNORED,
    SPLIT_NAMES,
    check_split,
    check_words,
    label_of,
    sex_notes,
    speaker_notes,
    word_notes,
)
from aersut.errors import UserError, nearest
from aersut.registry import CORPORA
from aersut.texts import abbreviated, counted

SEXES = {**dict.fromkeys(("female", "f", "woman"), "female"), **dict.fromkeys(("male", "m", "man"), "male")}
REQUIRED = ("path", "emotion", "speaker")
OPTIONAL = ("sex", "age", "race", "text", "intensity", "split", "fold", "start", "end")
RENAMED = {"part": "split"}
"""Earlier names of columns."""
SIMILAR = {
    "path": ("file", "filename", "file_name", "filepath", "file_path", "wav", "audio", "clip", "name"),
    "emotion": ("label", "class", "target", "category", "emotion_label"),
    "speaker": ("speaker_id", "spk", "speakerid", "subject", "actor", "person", "user"),
}
"""Names that other programs give to the required columns."""


class _Segment(NamedTuple):
    """A file, from `start` to `end` in s."""

    path: Path
    start: float
    end: float


@CORPORA.register("manifest")
@dataclass(frozen=True)
class Manifest(Corpus):
    """Your own speech: a CSV with the columns path, emotion, speaker, and optional ones.

    These are sex, age, race, text, intensity, split, fold, start and end. Paths are relative to the CSV's folder. An
    absolute path that does not exist is searched for below this folder, by its last parts. Emotions have their usual
    names and abbreviations (anger, ANG, happiness, fearful); other words are labels of their own. The column split
    (train, validation, test) assigns clips to the sets under protocol=given, the column fold to folds under
    protocol=given_folds. Clips of which the speaker is not known have the speaker "unknown".
    start and end, in s or as a time (00:00:02.5), select a segment of a file; two segments are two clips.
    The separator is a comma, a semicolon or a tab, the encoding UTF-8 or UTF-16.

    Attributes:
        path: of the CSV, relative to data.root.
        labels: words of the column emotion with their labels, such as {"exc": "happy", "stress": "stressed"}.
        ignore: words of the column emotion that are no label; their clips are skipped and are no damage.
    """

    path: str = "manifest.csv"
    labels: dict[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = IGNORED

    def __post_init__(self) -> None:
        check_words(self.labels)

    def load(self, root: Path) -> Listing:
        file = root / self.path
        rows: dict[_Segment, dict[str, str]] = {}
        contradictory: set[_Segment] = set()
        names, cells = _table(file)
        found: dict[str, Path] = {}
        for row in cells:
            segment = _Segment(_found(file.parent, row["path"], found), *_times(row["start"], row["end"]))
            # one segment may be written in several ways: ./a.wav and a.wav, 0.5 and 00:00:00.5
            values = {column: value for column, value in row.items() if column not in ("path", "start", "end")}
            if rows.setdefault(segment, values) != values:
                contradictory.add(segment)

        if not rows:
            raise UserError(f"manifest: {file} has no row below its header. Add one for each clip.")

        def parse(segment: _Segment) -> Clip:
            if segment in contradictory:
                raise ValueError("is listed twice with different values")
            return _clip(segment, rows[segment], label_of(rows[segment]["emotion"], self.labels, self.ignore))

        listing = list_clips(rows, parse, lambda clip: (clip.path, clip.start, clip.end), path=lambda one: one.path)
        notes = [
            *_notes(names, found),
            *_segment_notes(listing.clips),
            *word_notes((row["emotion"] for row in rows.values()), self.labels, self.ignore),
            *speaker_notes(clip.speaker for clip in listing.clips),
            *sex_notes((clip.speaker, clip.sex) for clip in listing.clips),
        ]
        return Listing(listing.clips, listing.skipped, tuple(notes))


def _clip(segment: _Segment, row: dict[str, str], emotion: str) -> Clip:
    return Clip(
        segment.path,
        emotion,
        UNKNOWN if row["speaker"].lower() == UNKNOWN else row["speaker"],
        "manifest",
        sex=SEXES.get(row["sex"].lower(), ""),
        text=row["text"],
        intensity=row["intensity"],
        split=SPLIT_NAMES[row["split"].lower()],
        fold=row["fold"],
        age=row["age"],
        race=row["race"],
        start=segment.start,
        end=segment.end,
    )


def _found(folder: Path, name: str, found: dict[str, Path]) -> Path:
    """The path of a row. One that is absolute on another machine is searched for by its last parts, and is noted."""
    path = folder / name.replace("\\", "/")  # a CSV written on Windows
    absolute = Path(name).is_absolute() or PureWindowsPath(name).is_absolute()
    if not absolute or path.exists():
        return path
    parts = PureWindowsPath(name).parts[1:]
    tails = (folder.joinpath(*parts[first:]) for first in range(len(parts)))
    if here := next((tail for tail in tails if tail.is_file()), None):
        found[name] = here
        return here
    return path


def _notes(names: list[str], found: dict[str, Path]) -> list[str]:
    notes = []
    if unread := [name for name in names if name and name not in (*REQUIRED, *OPTIONAL)]:
        notes.append(f"columns that are not read: {abbreviated(unread, most=12)}")
    if found:
        name, path = next(iter(found.items()))
        notes.append(
            f"{len(found):,} absolute paths do not exist; the files are found below the manifest: {name} at {path}"
        )
    return notes


def _segment_notes(clips: Sequence[Clip]) -> list[str]:
    segments = [clip for clip in clips if clip.location != str(clip.path)]
    files = len({clip.path for clip in segments})
    return (
        [f"segments of {counted(files, 'file')}, by the columns start and end: {len(segments):,}"] if segments else []
    )


def _times(*text: str) -> tuple[float, float]:
    """Start and end of a segment in s; the whole file by default."""
    start, end = map(_seconds, text)
    start, end = start or 0.0, math.inf if end is None else end
    if not 0 <= start < end:
        between = f"from {text[0] or '0'} to {text[1] or 'the end'}"
        raise UserError(f"the segment {between} is not a part of a file. Times are in s, or 00:00:02.5.")
    return start, end


def _seconds(text: str) -> float | None:
    """A time in s, or as pandas and audformat write it: "2.5", "00:00:02.5", "0 days 00:00:02.500000"; None for NaT."""
    if not text or text.lower() in ("nat", "nan"):
        return None
    if match := re.fullmatch(r"(?:(\d+) days?,? )?(?:(\d+):)?(\d+):(\d+(?:\.\d*)?)", text):
        days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
        return 86_400 * days + 3600 * hours + 60 * minutes + seconds
    try:
        return float(re.sub(r" ?s(ec(onds?)?)?$", "", text.replace(",", ".")))
    except ValueError:
        return math.nan  # is not a part of a file


def _text(file: Path) -> str:
    """The content of a CSV in UTF-8 or, with a byte order mark, UTF-16."""
    try:
        content = file.read_bytes()
        utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"manifest: {file} is not UTF-8 text. Save it as CSV in UTF-8.") from None
    except OSError as error:
        raise UserError(
            f"manifest: {file} cannot be read: {error.strerror}. Create a CSV with the columns {', '.join(REQUIRED)} "
            "there, or set its path (relative to data.root): --experiment.data.corpora.0.path=FILE."
        ) from None


def _table(file: Path) -> tuple[list[str], Iterator[dict[str, str]]]:
    """The names of the columns, and each row as a dict from column to stripped cell, with REQUIRED and OPTIONAL.

    Raises:
        UserError: the file cannot be read, is not a CSV, lacks a column, or a row lacks a required cell.
    """
    text, skipped = _text(file), 0
    if separator := re.match(r"sep=(.)\r?\n", text):  # Excel's first line
        text, skipped = text[separator.end() :], 1
    delimiter = separator[1] if separator else max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)

    def place() -> str:
        return f"manifest: {file}, line {reader.line_num + skipped}"

    def rows() -> Iterator[dict[str, str]]:
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield _row(place(), names, cells)
        except csv.Error as error:
            raise UserError(f"{place()} is not valid CSV: {error}.") from None

    try:
        names = [RENAMED.get(name, name) for name in (cell.strip().lower() for cell in next(reader, []))]
    except csv.Error as error:
        raise UserError(f"{place()} is not valid CSV: {error}.") from None
    if repeated := {name for name in names if name and names.count(name) > 1}:
        raise UserError(f"manifest: {file} names two columns '{min(repeated)}' (or 'part'). Rename or remove one.")
    if missing := {column: _similar(column, names) for column in REQUIRED if column not in names}:
        first, *rest = missing
        problems = [f"has no column '{first}'.{missing[first]}"]
        problems += [f"It has no column '{column}'.{missing[column]}" for column in rest if missing[column]]
        raise UserError(
            f"manifest: {file} {' '.join(problems)} Its first line must name the columns, at least "
            f"{', '.join(REQUIRED)}."
        )
    return names, rows()


def _similar(column: str, names: list[str]) -> str:
    """A hint at the column that probably has another name."""
    known = next((name for name in SIMILAR[column] if name in names), None)
    return f" Did you mean '{known}'? Rename it to '{column}'." if known else nearest(column, names)


def _row(line: str, names: list[str], cells: list[str]) -> dict[str, str]:
    while len(cells) > len(names) and not cells[-1].strip():  # a line that ends with the separator
        cells = cells[:-1]
    if len(cells) > len(names):
        raise UserError(
            f"{line}: {len(cells)} cells, but {len(names)} columns. Quote a cell that contains the separator."
        )
    row = dict.fromkeys(OPTIONAL, "") | dict(zip(names, (cell.strip() for cell in cells), strict=False))
    for column in REQUIRED:
        if not row.get(column):
            raise UserError(f"{line}: no {column}. Every row needs {', '.join(REQUIRED)}.")
    try:
        check_split(row["split"])
        _times(row["start"], row["end"])
    except UserError as error:
        raise UserError(f"{line}: {error}") from None
    return row
