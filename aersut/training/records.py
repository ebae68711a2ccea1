"""The metrics of each epoch, one JSON object per line."""

import json
import os
from pathlib import Path
from typing import Any

from aersut.paths import write_text


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a run, in order; a last line that a crash has cut short is passed over."""
    if not path.exists():
        return []
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(record, dict) and isinstance(record.get("epoch"), int):
            records.append(record)
    return records


def append(path: Path, record: dict[str, Any]) -> None:
    """Add one record, and have it on disk when this returns: before the checkpoint of its epoch is."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
        file.flush()
        os.fsync(file.fileno())


def up_to(path: Path, epoch: int) -> list[dict[str, Any]]:
    """The records of a run as far as the checkpoint that it goes on from."""
    return [record for record in read(path) if record["epoch"] <= epoch]


def cut(path: Path, epoch: int) -> None:
    """Drop what was recorded after the checkpoint that a run goes on from."""
    kept = "".join(json.dumps(record) + "\n" for record in up_to(path, epoch))
    if path.exists() and path.read_text(encoding="utf-8") != kept:
        write_text(path, kept)


SELECTED = {"best": "the best by validation UAR", "last": "the last"}
"""What an epoch is that `Experiment.select` chooses, in words."""


def best(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The record of the highest validation UAR, the later of equal ones."""
    return max(records, key=lambda record: (record["validation_uar"], record["epoch"]))


def selected(records: list[dict[str, Any]], select: str) -> dict[str, Any]:
    """The record of the epoch that is evaluated and exported."""
    return best(records) if select == "best" else records[-1]


def exhausted(records: list[dict[str, Any]], patience: int | None) -> bool:
    """Whether the best validation UAR is `patience` epochs old, so that training stops early."""
    scores = [record["validation_uar"] for record in records]
    return patience is not None and len(scores) > patience and max(scores[-patience:]) <= max(scores[:-patience])
