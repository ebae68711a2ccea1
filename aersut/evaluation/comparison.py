"""Several runs on one page, side by side."""

from pathlib import Path
from typing import Any

from aersut.evaluation import compare
from aersut.evaluation.compare import read_json
from aersut.evaluation.page import inlined, painted, write_page
from aersut.evaluation.plots import curves
from aersut.evaluation.text import NAMES
from aersut.run import Run
from aersut.training import records


def write_comparison(runs: list[Run], output: Path) -> str:
    """Write a page that compares runs into `output`; return its path. What a run has not made yet is left out.

    Raises:
        UserError: the libraries that draw it are not installed.
    """
    rows = [compare.read(run.folder) for run in runs]
    evaluations = [_evaluation(run) for run in runs]
    trained = {_label(place): records.read(run.records) for place, run in enumerate(runs)}
    trained = {label: epochs for label, epochs in trained.items() if epochs}
    caption = "Validation loss and UAR after each epoch, the best one marked"
    write_page(
        output,
        "comparison.html",
        labels=[_label(place) for place in range(len(runs))],
        rows=rows,
        evaluations=evaluations,
        best={name: _best(rows, name) for name in NAMES},
        emotions=list(dict.fromkeys(name for one in evaluations if one for name in one["emotions"])),
        exports=[read_json(run.export / "export.json") for run in runs],
        keys=compare.differing(rows),
        curves=painted("curves", caption, curves.SIZE, curves.paint_together, trained) if trained else None,
        confusions=[
            inlined(run.evaluation.parent / "plots" / "confusion.svg", f"{_label(place)}: confusion matrix")
            for place, run in enumerate(runs)
        ],
    )
    return str(output)


def _label(place: int) -> str:
    """A, B, …, Z, A1, B1, …"""
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[place % 26] + (str(place // 26) if place >= 26 else "")


def _evaluation(run: Run) -> dict[str, Any] | None:
    found = read_json(run.evaluation)
    return found if found and "intervals" in found else None


def _best(rows: list[compare.Row], name: str) -> float | None:
    values = [row.figures[name] for row in rows]
    known = [value for value in values if value is not None]
    return (min if name in compare.ASCENDING else max)(known) if known else None
