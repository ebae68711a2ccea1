"""The metrics of each epoch, one JSON object per line."""

import json
import os
from pathlib import Path
from typing import Any

from aersut.paths import write_text


def read_records(path: Path) -> list[dict[str, Any]]:
    """The records of a run, in order; a line that a crash left incomplete is skipped."""
    return [record for record in read_lines(path) if isinstance(record.get("epoch"), int)]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file with one per line, without damaged lines; none if there is no file."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            tree = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(tree, dict):
            found.append(tree)
    return found


def append(path: Path, record: dict[str, Any]) -> None:
    """Add a record and flush it to disk, so that it is there before the checkpoint of its epoch."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
        file.flush()
        os.fsync(file.fileno())


def up_to(path: Path, epoch: int) -> list[dict[str, Any]]:
    """The records of a run up to an epoch, that of the checkpoint from which it resumes."""
    return [record for record in read_records(path) if record["epoch"] <= epoch]


def truncate(path: Path, epoch: int) -> None:
    """Delete the records after an epoch, that of the checkpoint from which the run resumes."""
    kept = "".join(json.dumps(record) + "\n" for record in up_to(path, epoch))
    if path.exists() and path.read_bytes() != kept.encode():
        write_text(path, kept)


SELECTED = {"best": "the best by validation UAR", "last": "the last"}
"""Descriptions of the epoch that `Experiment.select` selects."""


def best(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The record with the highest validation UAR, the later of equal ones."""
    return max(records, key=lambda record: (record["validation_uar"], record["epoch"]))


def selected(records: list[dict[str, Any]], select: str) -> dict[str, Any]:
    """The record of the epoch that is evaluated and exported."""
    return best(records) if select == "best" else records[-1]


def unfinished(records: list[dict[str, Any]], epochs: int, patience: int | None) -> str:
    """That a training has not ended, as a sentence; "" if it has.

    >>> unfinished([{"epoch": 7, "validation_uar": 0.5}], epochs=20, patience=None)
    'the training is not complete: 7 of 20 epochs.'
    """
    done = records[-1]["epoch"] if records else 0
    if done >= epochs or stops_early(records, patience):
        return ""
    return f"the training is not complete: {done:,} of {epochs:,} epochs."


def stops_early(records: list[dict[str, Any]], patience: int | None) -> bool:
    """Whether the best validation UAR is `patience` epochs old: the criterion of early stopping.

    >>> stops_early([{"validation_uar": uar} for uar in (0.5, 0.4, 0.5)], patience=2)
    True
    """
    if patience is None:
        return False
    scores = [record["validation_uar"] for record in records]
    return len(scores) > patience and max(scores[-patience:]) <= max(scores[:-patience])
