"""Clips from Python: arrays, bytes or files with their labels, such as a Hugging Face dataset."""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from aersut.audio_input import audio_source, checked_samples, numbered
from aersut.contracts import Corpus, Listing
from aersut.corpora.files import OutOfScope
from aersut.corpora.labels import check_split, label_of
from aersut.corpora.manifest import OPTIONAL, Manifest
from aersut.errors import UserError
from aersut.paths import cache_dir, publish_folder, staging_folder, write_text
from aersut.registry import CORPORA

LABELS = ("emotion", "speaker", *(name for name in OPTIONAL if name not in ("start", "end")))
EXPECTED = "expected a mapping with audio, emotion and speaker"


@CORPORA.register("clips")
@dataclass(frozen=True)
class Clips(Corpus):
    """Clips from Python: `Clips.of(rows)` makes this corpus from arrays, bytes or files with their labels.

    The audio is kept in the cache, below `clips/DIGEST`, with a copy of each file: the clips remain the same when files
    are moved or changed. Clip n is the file n there. If the cache was deleted, call `Clips.of` again with the same
    clips.

    Attributes:
        digest: of all audio and labels.
    """

    digest: str = ""
    needs_root: ClassVar[bool] = False

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> "Clips":
        """Make a corpus from clips in memory or in files; the rows are read one by one.

        Args:
            rows: for each clip a mapping with "audio" (a path, bytes, (samples, sample rate), or what Hugging Face's
                `datasets.Audio` returns; floats in [-1, 1] are rounded to 16 bits), "emotion" and "speaker", and the
                optional columns of a manifest: "sex", "age", "race", "text", "intensity", "split", "fold". Other keys
                are ignored. Emotions have their usual names (`Manifest`). Missing values of pandas are empty. A Hugging
                Face dataset may have class labels; its audio is copied without decoding it.

        Raises:
            UserError: there is no clip; one is not a mapping, lacks audio or a label, or has an unknown emotion or
                split.
        """
        table = io.StringIO()
        writer = csv.DictWriter(table, ["path", *LABELS])
        writer.writeheader()
        everything = hashlib.sha256()
        with staging_folder(cache_dir() / "clips", "new") as staging:
            number = 0
            for number, row in enumerate(_plain_rows(rows), start=1):
                with numbered(number):
                    labels = _labels(row)
                    content = _content(row["audio"])
                # not flushed to the disk one by one, which took 3 ms each: `_publish` makes a damaged folder again
                (staging / f"{number:07}").write_bytes(content)
                writer.writerow({"path": f"{number:07}", **labels})
                everything.update(repr((hashlib.sha256(content).hexdigest(), labels)).encode())
            if not number:
                raise UserError(f"there are no clips: {EXPECTED} for each.")
            write_text(staging / "manifest.csv", table.getvalue())
            digest = everything.hexdigest()[:16]
            _publish(staging, _folder(digest))
        return cls(digest)

    def load(self, root: Path) -> Listing:
        if not self.digest or not _folder(self.digest).is_dir():
            which = f"clips {self.digest} are not in the cache {cache_dir()}" if self.digest else "no digest is set"
            raise UserError(f"clips: {which}. Make the corpus with Clips.of in Python, from the same audio and labels.")
        listing = Manifest().load(_folder(self.digest))
        return replace(listing, clips=tuple(replace(clip, corpus="clips") for clip in listing.clips))


def _folder(digest: str) -> Path:
    return cache_dir() / "clips" / digest


def _publish(staging: Path, folder: Path) -> None:
    """Rename `staging` to `folder`, and delete a folder there that lacks a file or has a truncated one."""
    with staging_folder(folder.parent, folder.name) as before:
        if folder.is_dir() and _sizes(folder) != _sizes(staging):
            folder.rename(before / folder.name)
        publish_folder(staging, folder)


def _sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


def _plain_rows(rows: Iterable[Any]) -> Iterable[Any]:
    """The rows of a Hugging Face dataset with files in place of decoded audio, and names of classes; else `rows`.

    From version 4 on, `datasets` decodes with torchcodec, which needs PyTorch.
    """
    features = getattr(rows, "features", None)
    if not isinstance(features, Mapping):
        return rows
    undecoded: Any = rows
    audio: Any = features.get("audio")
    if getattr(audio, "decode", False):
        undecoded = undecoded.cast_column("audio", replace(audio, decode=False))
    classes = {key: feature for key, feature in features.items() if hasattr(feature, "int2str")}

    def name(key: str, value: Any) -> str | None:
        return None if value is None or int(value) < 0 else classes[key].int2str(int(value))  # -1: no label

    return ({**row, **{key: name(key, row[key]) for key in classes}} for row in undecoded)


def _labels(row: Any) -> dict[str, str]:
    if not isinstance(row, Mapping):
        raise UserError(
            f"the row is {type(row).__name__}: {EXPECTED}. Pass a list of them; a pandas DataFrame as "
            'table.to_dict("records"), of a DatasetDict one split.'
        )
    for key in ("audio", "emotion", "speaker"):
        if _is_missing(row.get(key)):
            keys = "" if key in row else f" among {', '.join(map(str, row))}"
            raise UserError(f"no '{key}'{keys}; {EXPECTED}.")
    if isinstance(row["emotion"], Real):
        raise UserError(
            f"its emotion is the number {row['emotion']}: expected its name. Pass a Hugging Face dataset itself, "
            "not its rows: it has the names of a ClassLabel."
        )
    labels = {key: "" if _is_missing(row.get(key)) else str(row[key]).strip() for key in LABELS}
    try:
        label_of(labels["emotion"])
    except OutOfScope:  # such clips are skipped, as in a manifest
        pass
    except ValueError as error:
        raise UserError(f"{error}.") from None
    check_split(labels["split"])
    return labels


def _is_missing(value: Any) -> bool:
    """Whether a value is None, blank text, or what pandas has in an empty cell: NaN, NaT, NA."""
    if isinstance(value, str):
        return not value.strip()
    return (
        value is None or type(value).__name__ in ("NaTType", "NAType") or (isinstance(value, Real) and value != value)
    )


def _content(audio: Any) -> bytes:
    """The content of a clip's file."""
    source, sample_rate = audio_source(audio)
    if isinstance(source, np.ndarray):
        return _wav(*checked_samples(source, sample_rate))
    try:
        return source.read_bytes() if isinstance(source, Path) else source.read()
    except OSError as error:
        name = source if isinstance(source, Path) else "the file"
        raise UserError(f"{name} cannot be read: {error.strerror}.") from None


def _wav(samples: np.ndarray, sample_rate: int) -> bytes:
    import soundfile  # slow to import, and not needed to list clips

    if samples.dtype != np.int16:
        samples = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate, format="WAV", subtype="PCM_16")
    return file.getvalue()
