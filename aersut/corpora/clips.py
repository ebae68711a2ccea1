"""Clips from Python: arrays, bytes or files with their labels, such as a Hugging Face dataset."""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from aersut.audio_input import audio_source, checked_samples
from aersut.contracts import Corpus, Listing
from aersut.corpora.manifest import OPTIONAL, REQUIRED, Manifest
from aersut.errors import UserError
from aersut.paths import cache_dir, publish_folder, staging_folder, write_bytes, write_text
from aersut.registry import CORPORA

LABELS = ("emotion", "speaker", *OPTIONAL)
LARGEST = 2.0
"""Magnitude of a sample from which floats are not in [-1, 1]; below it, they overshoot, as after decoding MP3."""


@CORPORA.register("clips")
@dataclass(frozen=True)
class Clips(Corpus):
    """Clips from Python: `Clips.of(rows)` makes this corpus from arrays, bytes or files with their labels.

    Audio that is not in files is kept in the cache, below `clips/DIGEST`. If the cache was deleted, call `Clips.of`
    again with the same clips.

    Attributes:
        digest: of all audio and labels.
    """

    digest: str = ""
    needs_root: ClassVar[bool] = False

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> "Clips":
        """Make a corpus from clips in memory or in files; the rows are read one by one.

        Args:
            rows: for each clip a mapping with "audio" (a path, bytes, (samples, sample rate), or a dictionary of
                Hugging Face's `datasets.Audio`; floats in [-1, 1] are rounded to 16 bits), "emotion" and "speaker", and
                the optional columns of a manifest: "sex", "age", "race", "text", "intensity", "split". Other keys are
                ignored. Emotions have their usual names (`Manifest`).

        Raises:
            UserError: there is no clip, or one lacks audio or a label.
        """
        table = io.StringIO()
        writer = csv.DictWriter(table, ["path", *LABELS])
        writer.writeheader()
        everything = hashlib.sha256()
        with staging_folder(cache_dir() / "clips", "new") as staging:
            number = 0
            for number, row in enumerate(rows, start=1):
                labels = _labels(row, number)
                try:
                    path, content = _written(row["audio"], staging / f"{number:07}")
                except UserError as error:
                    raise UserError(f"clip {number}: {error}") from None
                writer.writerow({"path": path, **labels})
                everything.update(repr((hashlib.sha256(content).hexdigest(), labels)).encode())
            if not number:
                raise UserError("there are no clips: expected a mapping with audio, emotion and speaker for each.")
            write_text(staging / "manifest.csv", table.getvalue())
            digest = everything.hexdigest()[:16]
            publish_folder(staging, _folder(digest))
        return cls(digest)

    def load(self, root: Path) -> Listing:
        if not self.digest or not _folder(self.digest).is_dir():
            which = f"clips {self.digest} are not in the cache {cache_dir()}" if self.digest else "no digest is set"
            raise UserError(f"clips: {which}. Make the corpus with Clips.of in Python, from the same audio and labels.")
        listing = Manifest().load(_folder(self.digest))
        return replace(listing, clips=tuple(replace(clip, corpus="clips") for clip in listing.clips))


def _folder(digest: str) -> Path:
    return cache_dir() / "clips" / digest


def _labels(row: Mapping[str, Any], number: int) -> dict[str, str]:
    labels = {key: "" if row.get(key) is None else str(row[key]).strip() for key in LABELS}
    labels["audio"] = "" if row.get("audio") is None else "present"
    for key in ("audio", *REQUIRED[1:]):
        if not labels[key]:
            raise UserError(f"clip {number}: no '{key}'; expected a mapping with audio, emotion and speaker.")
    del labels["audio"]
    return labels


def _written(audio: Any, path: Path) -> tuple[str, bytes]:
    """The path and the content of a clip's file, which is written unless the audio is a path."""
    source, sample_rate = audio_source(audio)
    if isinstance(source, Path):
        try:
            return str(source.absolute()), source.read_bytes()
        except OSError as error:
            raise UserError(f"{source} cannot be read: {error.strerror}.") from None
    if isinstance(source, np.ndarray):
        content = _wav(*checked_samples(source, sample_rate))
    else:
        source.seek(0)
        content = source.read()
    write_bytes(path, content)
    return path.name, content


def _wav(samples: np.ndarray, sample_rate: int) -> bytes:
    import soundfile  # slow to import, and not needed to list clips

    if samples.dtype != np.int16:
        peak = float(np.abs(samples).max(initial=0))
        if not peak < LARGEST:
            raise UserError(f"its samples reach {peak:g}: expected floats in [-1, 1], or int16.")
        samples = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate, format="WAV", subtype="PCM_16")
    return file.getvalue()
