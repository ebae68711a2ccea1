"""Runs as a table: what they reached, and in what their configurations differ."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aersut.config import Experiment
from aersut.errors import UserError, nearest
from aersut.evaluation.text import NAMES, number
from aersut.run import Run
from aersut.training import records

ASCENDING = {"ece", "kilobytes"}
"""The figures of which less is better."""


@dataclass(frozen=True)
class Row:
    """One run.

    Attributes:
        figures: trained epochs, the headline figures, the size of the smallest exported file; None for none.
        configuration: every leaf by its dotted key, as text.
        notes: what a reader of its figures must know.
    """

    folder: Path
    figures: dict[str, float | None]
    configuration: dict[str, str]
    notes: tuple[str, ...] = ()


def find(folders: list[Path]) -> list[Path]:
    """The run folders among `folders` and below them, each once.

    Raises:
        UserError: one is not there, or there is no run in it or below it.
    """
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"there is no folder {folder}; name runs, or a folder of runs, with --workdir=A,B.")
        own = folder / "config.json"
        below = (config for config in sorted(folder.rglob("config.json")) if not _is_teachers(config))
        configs = [own] if own.exists() else list(below)
        if not configs:
            raise UserError(f"{folder} is no run and holds none: there is no config.json in it or below it.")
        found += [config.parent for config in configs]
    return list(dict.fromkeys(found))


def _is_teachers(config: Path) -> bool:
    """Whether it is the configuration of a run that another run contains."""
    return (config.parents[1] / "config.json").exists()


def read(folder: Path) -> Row:
    """What a run folder tells, however much of it is there."""
    run = Run(folder, Experiment())
    notes = []
    tree, evaluation, export = (read_json(path) for path in (run.config, run.evaluation, run.export / "export.json"))
    if tree is None:
        notes.append("its config.json cannot be read")
    evaluation = evaluation or {}
    for key, note in (("leaks", "LEAKS"), ("synthetic", "synthetic speech")):
        if evaluation.get(key):
            notes.append(note)
    if "intervals" not in evaluation:
        notes.append("evaluated by an earlier version" if evaluation else "not evaluated")
    sizes = [file["bytes"] for file in (export or {}).get("files", {}).values() if file.get("bytes")]
    figures: dict[str, float | None] = {"trained": len(records.read(run.records))}
    figures |= {name: evaluation.get(name) for name in NAMES}
    figures["kilobytes"] = round(min(sizes) / 1000) if sizes else None
    return Row(folder, figures, dict(flat(tree or {})), tuple(notes))


def read_json(path: Path) -> dict[str, Any] | None:
    """A file's JSON object; None where there is none, or it is damaged."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return tree if isinstance(tree, dict) else None


def differing(rows: list[Row]) -> list[str]:
    """The keys of the configuration in which not all rows are alike, in the order of the configuration.

    Where another plugin stands in a place, its name says so, and its fields, which the others do not have, are left
    out.
    """
    keys = dict.fromkeys(key for row in rows for key in row.configuration)
    unlike = [key for key in keys if len({row.configuration.get(key) for row in rows}) > 1]
    places = tuple(key.removesuffix("name") for key in unlike if key.endswith(".name"))
    return [key for key in unlike if key.endswith(".name") or not key.startswith(places)]


def ordered(rows: list[Row], key: str) -> list[Row]:
    """Sorted by a figure, the best first, by a key of the configuration, or by "folder"; what has none comes last.

    Raises:
        UserError: there is no such key.
    """
    figures, leaves = list(rows[0].figures), {key for row in rows for key in row.configuration}
    if key not in (*figures, *leaves, "folder"):
        known = [*figures, "folder", *differing(rows)]
        raise UserError(f"--sort: there is no '{key}'.{nearest(key, [*known, *leaves])} Known: {', '.join(known)}.")
    sign = 1 if key in ASCENDING else -1

    def place(row: Row) -> tuple[bool, float, str]:
        value = str(row.folder) if key == "folder" else row.figures.get(key, row.configuration.get(key))
        if value is None:
            return True, 0.0, ""
        if key in figures:
            return False, sign * float(value), ""
        try:
            return False, float(value), ""
        except ValueError:
            return False, 0.0, str(value)

    return sorted(rows, key=place)


def table(rows: list[Row]) -> str:
    """The rows in aligned columns: the run, its figures, and the differing configuration."""
    keys = differing(rows)
    head = ["run", *(NAMES.get(name, name) for name in rows[0].figures), *keys, ""]
    lines = [head]
    for row in rows:
        cells = [number(value) if name in NAMES else number(value, 0) for name, value in row.figures.items()]
        leaves = [row.configuration.get(key, "-") for key in keys]
        lines.append([str(row.folder), *cells, *leaves, ", ".join(row.notes)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    right = range(1, 1 + len(rows[0].figures))
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def as_json(rows: list[Row]) -> list[dict[str, Any]]:
    """The rows as plain data, each with the differing part of its configuration."""
    keys = differing(rows)
    return [
        {
            "folder": str(row.folder),
            **row.figures,
            "configuration": {key: row.configuration.get(key) for key in keys},
            "notes": list(row.notes),
        }
        for row in rows
    ]


def flat(tree: Any, at: str = "") -> list[tuple[str, str]]:
    """Every leaf of a configuration with its dotted key, as the command line takes it."""
    if isinstance(tree, dict):
        return [line for key, value in tree.items() for line in flat(value, f"{at}.{key}" if at else key)]
    if isinstance(tree, list) and any(isinstance(item, dict) for item in tree):
        return [line for index, value in enumerate(tree) for line in flat(value, f"{at}.{index}")]
    return [(at, ", ".join(map(str, tree)) if isinstance(tree, list) else str(tree))]
