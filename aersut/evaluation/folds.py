"""All folds of a protocol: each in a run of its own, and the verdicts of all together."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aersut.config import digest, to_tree
from aersut.data.collection import collect
from aersut.data.splits import count_folds
from aersut.errors import UserError
from aersut.evaluation import pictures
from aersut.evaluation.evaluate import judge_run, write
from aersut.evaluation.judged import pooled
from aersut.evaluation.plots import style
from aersut.evaluation.text import NAMES, number
from aersut.evaluation.text import table as text_table
from aersut.run import Run, start
from aersut.training import loop


def evaluate_folds(run: Run) -> dict[str, Any]:
    """Train what is missing of the folds of a run's protocol, judge each, and pool what they say.

    The other folds' runs lie beside `run`, in the folders that their configurations name, and are ordinary runs. The
    result, with its predictions and pictures, lies in `folds-<digest>` there, too; its figures and intervals are of all
    test parts together, `mean` and `deviation` are over the folds.

    Raises:
        UserError: the protocol has no folds.
    """
    data = run.experiment.data
    count = count_folds(data, collect(data, run.experiment.framing).clips)
    if count < 2:
        raise UserError(f"protocol '{data.protocol}' has one fold only; --folds=all is for those with several.")
    results, verdicts, rows = [], [], []
    for fold in range(count):
        one = _of_fold(run, fold)
        print(f"fold {fold} of {count}: run folder {one.folder}")
        loop.train(one)
        result, judged = judge_run(one)
        results.append(result)
        verdicts.append(judged)
        figures = {key: result[key] for key in ("epoch", "clips", *NAMES)}
        rows.append({"fold": fold, "folder": str(one.folder), **figures})
    together = write(_folder(run), _about(results, rows), pooled(verdicts))
    _draw(run, together)
    return {**together, "folder": str(_folder(run))}


def table(result: dict[str, Any]) -> str:
    """The folds, their mean ± standard deviation, and the pooled result as text."""
    lines = [f"\n{'fold':6}{'clips':>7}{'epoch':>7}" + "".join(f"{label:>13}" for label in NAMES.values())]
    for row in result["folds"]:
        lines.append(f"{row['fold']:<6}{row['clips']:7,}{row['epoch']:7}{_cells(row)}")
    lines += [f"{name:20}{_cells(result[name])}" for name in ("mean", "deviation")]
    lines += ["", f"all folds together, in {result['folder']}:", text_table(result)]
    return "\n".join(lines)


def _cells(figures: dict[str, Any]) -> str:
    return "".join(f"{number(figures[name]):>13}" for name in NAMES)


def _of_fold(run: Run, fold: int) -> Run:
    if fold == run.experiment.data.fold:
        return run
    experiment = replace(run.experiment, data=replace(run.experiment.data, fold=fold))
    return start(experiment, run.folder.parent / digest(to_tree(experiment)))


def _folder(run: Run) -> Path:
    first = replace(run.experiment, data=replace(run.experiment.data, fold=0))
    return run.folder.parent / f"folds-{digest(to_tree(first))}"


def _about(results: list[dict[str, Any]], rows: list[dict[str, Any]]) -> dict[str, Any]:
    first = results[0]
    about = {key: first[key] for key in ("experiment", "protocol", "corpora", "synthetic")}
    figures = {name: [row[name] for row in rows if row[name] is not None] for name in NAMES}
    return {
        **about,
        "model": f"checkpoints of {len(rows)} folds",
        "epoch": None,
        "leaks": any(result["leaks"] for result in results),
        "speaker_independent": all(result["speaker_independent"] for result in results),
        "warning": next((result["warning"] for result in results if result["warning"]), ""),
        "folds": rows,
        "mean": {name: float(np.mean(values)) if values else None for name, values in figures.items()},
        "deviation": {
            name: float(np.std(values, ddof=1)) if len(values) > 1 else None for name, values in figures.items()
        },
    }


def _draw(run: Run, result: dict[str, Any]) -> None:
    if style.available():
        pictures.draw(_folder(run) / "plots", result)
