"""The user's own speech: a CSV file with path, emotion and speaker of each audio file."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aersut.contracts import EMOTIONS, Clip, Corpus, Listing
from aersut.corpora.files import OutOfScope, list_clips
from aersut.errors import UserError, nearest
from aersut.registry import CORPORA

SYNONYMS = {
    **{name: name for name in EMOTIONS},
    **dict.fromkeys(("ang", "anger", "wut"), "angry"),
    **dict.fromkeys(("cal", "calmness"), "calm"),
    **dict.fromkeys(("dis", "disgusted"), "disgust"),
    **dict.fromkeys(("fea", "fearful", "afraid", "scared"), "fear"),
    **dict.fromkeys(("hap", "happiness", "joy", "joyful"), "happy"),
    **dict.fromkeys(("neu",), "neutral"),
    **dict.fromkeys(("sadness", "unhappy"), "sad"),
    **dict.fromkeys(("sur", "surprised", "pleasant surprise", "ps"), "surprise"),
}
"""Names and abbreviations of the eight emotions, in lower case."""

OTHER_EMOTIONS = frozenset(
    """amused amusement anxiety bored boredom confusion contempt excited excitement frustrated frustration interest love
    other pride relief sleepiness unknown xxx""".split()  # noqa: SIM905  (one a line would be a page)
)
"""Labels other than the eight emotions, whose clips are skipped; any further label is treated as misspelt."""

SEXES = {**dict.fromkeys(("female", "f", "woman"), "female"), **dict.fromkeys(("male", "m", "man"), "male")}
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
    "": "",
}
REQUIRED = ("path", "emotion", "speaker")
OPTIONAL = ("sex", "age", "race", "text", "intensity", "split")
RENAMED = {"part": "split"}
"""Earlier names of columns."""


@CORPORA.register("manifest")
@dataclass(frozen=True)
class Manifest(Corpus):
    """Your own speech: a CSV with the columns path, emotion, speaker, and optional ones.

    These are sex, age, race, text, intensity and split; other columns are ignored. Paths are relative to the CSV's
    folder; libsndfile must support the format of the files. Emotions have their usual names and abbreviations
    (anger, ANG, happiness, fearful). The column split (train, validation, test) assigns clips to the sets under
    protocol=given. The separator is a comma, a semicolon or a tab.

    Attributes:
        path: of the CSV, relative to data.root.
    """

    path: str = "manifest.csv"

    def load(self, root: Path) -> Listing:
        file = root / self.path
        rows: dict[Path, dict[str, str]] = {}
        contradictory: set[Path] = set()
        for row in _rows(file):
            path = file.parent / row["path"].replace("\\", "/")  # a CSV written on Windows
            if rows.setdefault(path, row) != row:
                contradictory.add(path)

        def parse(path: Path) -> Clip:
            if path in contradictory:
                raise ValueError("is listed twice with different values")
            return _clip(path, rows[path])

        return list_clips(rows, parse, identity=lambda clip: clip.path)


def usual_emotion(label: str) -> str:
    """One of `EMOTIONS`, from its name or abbreviation; `OutOfScope` for another emotion, `ValueError` if misspelt."""
    word = label.lower()
    if word in OTHER_EMOTIONS:
        raise OutOfScope(f"has the emotion {word}, which is not one of the eight")
    if word not in SYNONYMS:
        raise ValueError(f"emotion '{label}' is not one of {', '.join(EMOTIONS)}.{nearest(word, SYNONYMS)}")
    return SYNONYMS[word]


def check_split(label: str) -> None:
    """Raise `UserError` for a misspelt set: a clip in the wrong set is a leak, so it stops the run."""
    if label.lower() not in SPLIT_NAMES:
        raise UserError(f"split '{label}' is not one of train, validation and test.")


def _clip(path: Path, row: dict[str, str]) -> Clip:
    return Clip(
        path,
        usual_emotion(row["emotion"]),
        row["speaker"],
        "manifest",
        sex=SEXES.get(row["sex"].lower(), ""),
        text=row["text"],
        intensity=row["intensity"],
        split=SPLIT_NAMES[row["split"].lower()],
        age=row["age"],
        race=row["race"],
    )


def _rows(file: Path) -> Iterator[dict[str, str]]:
    """Each row as a dict from column to stripped cell, with all of REQUIRED and OPTIONAL.

    Raises:
        UserError: the file cannot be read, is not a CSV, lacks a column, or a row lacks a required cell.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"manifest: {file} is not UTF-8 text. Save it as CSV in UTF-8.") from None
    except OSError as error:
        raise UserError(
            f"manifest: {file} cannot be read: {error.strerror}. Create a CSV with the columns {', '.join(REQUIRED)} "
            "there, or set its path (relative to data.root): --experiment.data.corpora.0.path=FILE."
        ) from None
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        names = [RENAMED.get(name, name) for name in (cell.strip().lower() for cell in next(reader, []))]
        if repeated := {name for name in names if name and names.count(name) > 1}:
            raise UserError(f"manifest: {file} names two columns '{min(repeated)}' (or 'part'). Rename or remove one.")
        for column in REQUIRED:
            if column not in names:
                raise UserError(
                    f"manifest: {file} has no column '{column}'.{nearest(column, names)} "
                    f"Its first line must name the columns, at least {', '.join(REQUIRED)}."
                )
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _row(f"manifest: {file}, line {reader.line_num}", names, cells)
    except csv.Error as error:
        raise UserError(f"manifest: {file}, line {reader.line_num} is not valid CSV: {error}.") from None


def _row(line: str, names: list[str], cells: list[str]) -> dict[str, str]:
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
    except UserError as error:
        raise UserError(f"{line}: {error}") from None
    return row
