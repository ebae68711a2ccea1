"""The user's own speech: a CSV file that says what each sound file is."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aersut.contracts import EMOTIONS, Clip, Corpus, Listing
from aersut.corpora.files import NoCounterpart, list_clips
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
"""Words for the eight emotions, in lower case."""

FOREIGN = frozenset(
    """amused amusement anxiety bored boredom confusion contempt excited excitement frustrated frustration interest love
    other pride relief sleepiness unknown xxx""".split()  # noqa: SIM905  (one a line would be a page)
)
"""Words for what is none of the eight; any other word is taken for a mistake."""

SEXES = {**dict.fromkeys(("female", "f", "woman"), "female"), **dict.fromkeys(("male", "m", "man"), "male")}
PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
    "": "",
}
REQUIRED = ("path", "emotion", "speaker")
OPTIONAL = ("sex", "text", "intensity", "part")


@CORPORA.register("manifest")
@dataclass(frozen=True)
class Manifest(Corpus):
    """Your own speech: a CSV with the columns path, emotion and speaker; sex, text, intensity and part if you like.

    Paths are relative to the CSV's folder, in any format that libsndfile reads. Emotions go by their usual names and
    abbreviations (anger, ANG, happiness, fearful). `part` (train, validation, test) is what protocol=given splits by.
    Columns are separated by commas, semicolons or tabs, and others than these are passed over.

    Attributes:
        path: of the CSV, relative to data.root.
    """

    path: str = "manifest.csv"

    def load(self, root: Path) -> Listing:
        file = root / self.path
        rows: dict[Path, dict[str, str]] = {}
        torn: set[Path] = set()
        for row in _rows(file):
            path = file.parent / row["path"].replace("\\", "/")  # a CSV written on Windows
            if rows.setdefault(path, row) != row:
                torn.add(path)

        def parse(path: Path) -> Clip:
            if path in torn:
                raise ValueError("is listed twice, each time otherwise")
            return _clip(path, rows[path])

        return list_clips(rows, parse, same=lambda clip: clip.path)


def _clip(path: Path, row: dict[str, str]) -> Clip:
    word = row["emotion"].lower()
    if word in FOREIGN:
        raise NoCounterpart(f"{word}, which is none of the eight emotions")
    if word not in SYNONYMS:
        raise ValueError(f"emotion '{row['emotion']}' is none of {', '.join(EMOTIONS)}.{nearest(word, SYNONYMS)}")
    return Clip(
        path,
        SYNONYMS[word],
        row["speaker"],
        "manifest",
        sex=SEXES.get(row["sex"].lower(), ""),
        text=row["text"],
        intensity=row["intensity"],
        part=PARTS[row["part"].lower()],
    )


def _rows(file: Path) -> Iterator[dict[str, str]]:
    """Each row's stripped cells by column, with every column of ours in it.

    Raises:
        UserError: the file is not there, is no CSV, or a row says too little to be sorted.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"manifest: {file} is no UTF-8 text; save it as CSV in UTF-8.") from None
    except OSError as error:
        raise UserError(
            f"manifest: {file} cannot be read: {error.strerror}. Write a CSV with the columns {', '.join(REQUIRED)} "
            "there, or set its path (relative to data.root): --experiment.data.corpora.0.path=FILE."
        ) from None
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
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
        raise UserError(f"manifest: {file}, line {reader.line_num}: {error}.") from None


def _row(place: str, names: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) > len(names):
        raise UserError(
            f"{place}: {len(cells)} cells, but {len(names)} columns; quote a cell that holds the separator."
        )
    row = dict.fromkeys(OPTIONAL, "") | dict(zip(names, (cell.strip() for cell in cells), strict=False))
    for column in REQUIRED:
        if not row.get(column):
            raise UserError(f"{place}: no {column}. Every row needs {', '.join(REQUIRED)}.")
    # a clip in the wrong part is a leak, so a misspelt part stops everything, not this clip alone
    if row["part"].lower() not in PARTS:
        raise UserError(f"{place}: part '{row['part']}' is none of train, validation and test.")
    return row
