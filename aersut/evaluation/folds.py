"""Cross-validation: a run for each fold of a protocol, and pooled results over all folds."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from aersut.config import digest, to_tree
from aersut.data.collection import collect
from aersut.data.splits import count_folds
from aersut.errors import UserError
from aersut.evaluation.evaluate import Evaluation, evaluate, write_predictions
from aersut.evaluation.predictions import pooled
from aersut.evaluation.result_files import METRIC_NAMES
from aersut.evaluation.result_table import format_metric, result_table
from aersut.run import Run, start
from aersut.training import loop


def evaluate_folds(run: Run, on_evaluated: Callable[[Evaluation], None] = lambda evaluation: None) -> Evaluation:
    """Train the folds of a run's protocol that are not trained, evaluate each, and pool the predictions.

    The runs of the other folds are ordinary runs beside `run`, in the folders that their configurations name. The
    pooled result is in `folds-<digest>` beside them. Its metrics and intervals are computed over all test sets
    together; `mean` and `standard_deviation` are over the folds.

    Args:
        on_evaluated: called with the evaluation of each fold.

    Raises:
        UserError: the protocol has no folds.
    """
    data = run.experiment.data
    count = count_folds(data, collect(data, run.experiment.framing).clips)
    if count < 2:
        raise UserError(f"protocol '{data.protocol}' has one fold only; --folds=all needs a protocol with several.")
    results, predictions, rows = [], [], []
    for fold in range(count):
        fold_run = _fold_run(run, fold)
        print(f"fold {fold} of {count}: run folder {fold_run.folder}")
        loop.train(fold_run)
        evaluation = evaluate(fold_run)
        on_evaluated(evaluation)
        results.append(evaluation.result)
        predictions.append(evaluation.predictions)
        metrics = {key: evaluation.result[key] for key in ("epoch", "clips", *METRIC_NAMES)}
        rows.append({"fold": fold, "folder": str(fold_run.folder), **metrics})
    first = replace(run.experiment, data=replace(data, fold=0))
    folder = run.folder.parent / f"folds-{digest(to_tree(first))}"
    together = pooled(predictions)
    return Evaluation(write_predictions(folder, _about(results, rows), together), folder, together)


def folds_table(evaluation: Evaluation) -> str:
    """Each fold, mean and standard deviation, and the pooled result as text."""
    result = evaluation.result
    lines = [f"\n{'fold':6}{'clips':>7}{'epoch':>7}" + "".join(f"{label:>13}" for label in METRIC_NAMES.values())]
    for row in result["folds"]:
        lines.append(f"{row['fold']:<6}{row['clips']:7,}{row['epoch']:7}{_cells(row)}")
    lines += [f"{key.replace('_', ' '):20}{_cells(result[key])}" for key in ("mean", "standard_deviation")]
    lines += ["", f"all folds pooled, in {evaluation.folder}:", result_table(result)]
    return "\n".join(lines)


def _cells(row: dict[str, Any]) -> str:
    return "".join(f"{format_metric(row[name]):>13}" for name in METRIC_NAMES)


def _fold_run(run: Run, fold: int) -> Run:
    if fold == run.experiment.data.fold:
        return run
    experiment = replace(run.experiment, data=replace(run.experiment.data, fold=fold))
    return start(experiment, run.folder.parent / digest(to_tree(experiment)))


def _about(results: list[dict[str, Any]], rows: list[dict[str, Any]]) -> dict[str, Any]:
    columns = {name: [row[name] for row in rows if row[name] is not None] for name in METRIC_NAMES}
    return {
        **{key: results[0][key] for key in ("experiment", "protocol", "corpora", "synthetic")},
        "model": f"checkpoints of {len(rows)} folds",
        "epoch": None,
        "leaks": any(result["leaks"] for result in results),
        "speaker_independent": all(result["speaker_independent"] for result in results),
        "warning": next((result["warning"] for result in results if result["warning"]), ""),
        "folds": rows,
        "mean": {name: float(np.mean(values)) if values else None for name, values in columns.items()},
        "standard_deviation": {
            name: float(np.std(values, ddof=1)) if len(values) > 1 else None for name, values in columns.items()
        },
    }
