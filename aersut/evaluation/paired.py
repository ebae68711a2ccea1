"""Paired comparison of two classifiers: the difference of their UARs on the same clips, with a paired interval."""

import csv
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aersut.errors import UserError
from aersut.evaluation.intervals import Interval, Resampling
from aersut.labels import CLIP_COLUMNS, in_usual_order

Rows = Sequence[Mapping[str, Any]]
"""Predictions as in predictions.csv: path, corpus, speaker, emotion, predicted."""


@dataclass(frozen=True)
class UARDifference:
    """The UAR of a classifier minus that of a baseline on the same clips.

    Attributes:
        difference: -1 to 1; positive if the classifier is better.
        interval: its 95 % interval; None for too few speakers.
    """

    difference: float
    interval: Interval | None
    clips: int
    speakers: int


def uar_difference(rows: Rows, baseline: Rows) -> UARDifference:
    """Subtract the UAR of `baseline` from that of `rows`, predictions of another classifier on the same clips.

    The interval is paired: each bootstrap sample of the speakers serves both classifiers. So it is narrower than the
    intervals of the two UARs where the same speakers are difficult for both.

    Raises:
        UserError: the two were not evaluated on the same clips with the same labels.
    """
    ours, theirs = _by_clip(rows), _by_clip(baseline)
    shared = {clip for clip in ours.keys() & theirs.keys() if ours[clip]["emotion"] == theirs[clip]["emotion"]}
    if not shared or len(shared) < max(len(ours), len(theirs)):
        raise UserError(
            f"its {len(ours):,} clips are not the {len(theirs):,} of the baseline ({len(shared):,} are in both, with "
            "the same label): compare runs of the same corpora, protocol and fold, or pooled results of the same folds."
        )
    clips = sorted(shared)
    names = in_usual_order({row[key] for row in (*rows, *baseline) for key in ("emotion", "predicted")})
    index = {name: number for number, name in enumerate(names)}
    labels, after, before = (
        np.array([index[source[clip][key]] for clip in clips])
        for source, key in ((ours, "emotion"), (ours, "predicted"), (theirs, "predicted"))
    )
    resampling = Resampling.of([f"{ours[clip]['corpus']}:{ours[clip]['speaker']}" for clip in clips])
    difference, interval = resampling.uar_drop(labels, after, [before], len(names))
    return UARDifference(difference, interval, len(clips), resampling.speakers)


def read_predictions(folder: Path) -> list[dict[str, str]]:
    """The rows of `folder`/predictions.csv; probabilities as text.

    Raises:
        UserError: the file does not exist or is damaged.
    """
    path = folder / "predictions.csv"
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, csv.Error):
        rows = []
    if not rows or any(row.get(column) is None for row in rows for column in CLIP_COLUMNS):
        raise UserError(f"{path} is missing or damaged: --mode=evaluate writes it.")
    return rows


def _by_clip(rows: Rows) -> dict[tuple[str, str, str, int], Mapping[str, Any]]:
    """Rows by corpus, speaker, path and number; the number tells apart copies of a clip (`paper` tests augmented ones).

    The path is relative to the folder of all clips of the corpus, since a corpus may have been moved between two runs.
    """
    paths = [Path(row["path"]).absolute() for row in rows]
    folders: dict[str, list[str]] = {}
    for row, path in zip(rows, paths, strict=True):
        folders.setdefault(row["corpus"], []).append(str(path.parent))
    above = {corpus: _common(found) for corpus, found in folders.items()}
    copies: Counter[tuple[str, str, str]] = Counter()
    by_clip = {}
    for row, path in zip(rows, paths, strict=True):
        common = above[row["corpus"]]
        clip = row["corpus"], row["speaker"], str(path.relative_to(common) if common else path)
        by_clip[*clip, copies[clip]] = row
        copies[clip] += 1
    return by_clip


def _common(folders: Sequence[str]) -> str:
    try:
        return os.path.commonpath(folders)
    except ValueError:  # of Windows, on several drives
        return ""
