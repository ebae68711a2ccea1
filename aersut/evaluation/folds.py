"""Cross-validation: a run for each seed and each fold of a protocol, and pooled results over the folds of each seed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aersut.config import Experiment
from aersut.data.collection import Collection, collect
from aersut.data.protocols import PROTOCOLS
from aersut.errors import UserError
from aersut.evaluation.evaluate import Evaluation, write_predictions
from aersut.evaluation.fold_runs import EvaluatedRun, OnEvaluated, train_and_evaluate
from aersut.evaluation.predictions import pooled
from aersut.evaluation.result_files import METRIC_NAMES
from aersut.evaluation.result_table import format_metric, result_table
from aersut.paths import write_json
from aersut.run import divide, prepare
from aersut.run_folder import Run, as_configured, start
from aersut.tree import digest, to_tree


@dataclass(frozen=True)
class CrossValidation:
    """The results of a cross-validation.

    Attributes:
        seeds: the pooled evaluation of each seed.
        result: mean and standard deviation over seeds, and the result of each; the content of `folder`/metrics.json.
            None for a single seed.
        folder: None for a single seed.
    """

    seeds: dict[int, Evaluation]
    result: dict[str, Any] | None = None
    folder: Path | None = None


def _ignore(evaluation: Evaluation) -> None:
    """Do nothing with an evaluation; other processes import it, which a lambda does not allow."""


def cross_validate(
    run: Run,
    folds: Sequence[int] | None = None,
    seeds: Sequence[int] = (),
    workers: int | None = None,
    on_evaluated: OnEvaluated = _ignore,
) -> CrossValidation:
    """Train the runs of each seed and fold that are not trained, evaluate each, and pool the predictions of each seed.

    Each run is an ordinary one, beside `run` in the folder that its configuration names; `run` itself, which need not
    exist, is one of them if its seed and fold are. The pooled result of a seed is in `folds-<digest>` beside them. Its
    metrics and intervals are computed over all test sets together; `mean` and `standard_deviation` are over the folds.
    The result over seeds is in `seeds-<digest>`. An interrupted cross-validation resumes.

    Args:
        folds: values of `data.fold`; None for all folds of the protocol.
        seeds: values of `seed`; by default that of the experiment.
        workers: number of processes that train at once; see `fold_runs.train_and_evaluate`.
        on_evaluated: called with the evaluation of each run, in its process; a function of a module, not a lambda.

    Raises:
        UserError: the protocol has no such folds, or a run cannot be trained or evaluated.
    """
    experiment = as_configured(run)
    data, seeds = experiment.data, seeds or (experiment.seed,)
    collection = collect(data, experiment.framing)
    count = PROTOCOLS[data.protocol].folds(data, collection.clips)
    if folds is None and count < 2:
        raise UserError(f"protocol '{data.protocol}' has one fold only; --folds=all needs a protocol with several.")
    chosen = range(count) if folds is None else folds
    if wrong := [fold for fold in chosen if not 0 <= fold < count]:
        raise UserError(f"--folds={wrong[0]}: protocol '{data.protocol}' has folds 0 to {count - 1}.")
    variants = [_variant(experiment, seed, fold) for seed in seeds for fold in chosen]
    _check_splits([_variant(experiment, experiment.seed, fold) for fold in chosen], collection)
    runs = [start(one, run.folder if one == experiment else _beside(run, one)) for one in variants]
    prepare(runs[0])  # on all cores, and before several processes would compute the same features
    evaluated = train_and_evaluate(runs, workers, on_evaluated)
    results = {}
    for index, seed in enumerate(seeds):
        named = to_tree(_variant(experiment, seed, 0))
        folder = run.folder.parent / f"folds-{digest(named if folds is None else [named, list(folds)])}"
        results[seed] = _pool(folder, chosen, evaluated[index * len(chosen) :][: len(chosen)])
    if len(seeds) == 1:
        return CrossValidation(results)
    result = _over_seeds(results)
    folder = run.folder.parent / f"seeds-{digest([to_tree(_variant(experiment, 0, 0)), list(chosen), list(seeds)])}"
    write_json(folder / "metrics.json", result)
    return CrossValidation(results, result, folder)


def _check_splits(folds: Sequence[Experiment], collection: Collection) -> None:
    """Raise `UserError` before the training if a fold has an empty set, or if the classes of folds would differ."""
    classes = {divide(one, collection).experiment.data.emotions: one.data.fold for one in folds}
    if len(classes) > 1:
        found = "; ".join(f"fold {fold}: {', '.join(emotions)}" for emotions, fold in classes.items())
        raise UserError(
            f"the training sets of the folds have different labels, so they cannot be pooled: {found}. "
            "Set data.emotions."
        )


def folds_table(result: dict[str, Any], folder: Path) -> str:
    """Each fold, mean and standard deviation, and the pooled result in `folder` as text."""
    lines = [f"\n{'fold':6}{'clips':>7}{'epoch':>7}" + "".join(f"{label:>13}" for label in METRIC_NAMES.values())]
    for row in result["folds"]:
        lines.append(f"{row['fold']:<6}{row['clips']:7,}{row['epoch']:7}{_cells(row)}")
    lines += [f"{key.replace('_', ' '):20}{_cells(result[key])}" for key in ("mean", "standard_deviation")]
    if len(emotions := {row["emotions"] for row in result["folds"]}) > 1:
        lines.append(
            f"the test sets have {min(emotions)} to {max(emotions)} emotions, so the UARs of folds cannot be compared"
        )
    lines += ["", f"all folds pooled, in {folder}:", result_table(result)]
    return "\n".join(lines)


def seeds_table(result: dict[str, Any]) -> str:
    """The pooled metrics of each seed, mean and standard deviation over seeds as text."""
    lines = [f"\n{'seed':6}{'clips':>7}{'':7}" + "".join(f"{label:>13}" for label in METRIC_NAMES.values())]
    for row in result["seeds"]:
        warning = "  SYNTHETIC speech" if result["synthetic"] else ""
        lines.append(f"{row['seed']:<6}{row['clips']:7,}{'':7}{_cells(row)}{warning}")
    lines += [f"{key.replace('_', ' '):20}{_cells(result[key])}" for key in ("mean", "standard_deviation")]
    return "\n".join(lines)


def _cells(row: dict[str, Any]) -> str:
    return "".join(f"{format_metric(row[name]):>13}" for name in METRIC_NAMES)


def _variant(experiment: Experiment, seed: int, fold: int) -> Experiment:
    return replace(experiment, seed=seed, data=replace(experiment.data, fold=fold))


def _beside(run: Run, experiment: Experiment) -> Path:
    return run.folder.parent / digest(to_tree(experiment))


def _pool(folder: Path, folds: Sequence[int], runs: Sequence[EvaluatedRun]) -> Evaluation:
    rows = []
    for fold, run in zip(folds, runs, strict=True):
        metrics = {key: run.result[key] for key in ("epoch", "clips", *METRIC_NAMES)}
        emotions = int(np.count_nonzero(np.sum(run.result["confusion"], axis=1)))
        rows.append({"fold": fold, "folder": str(run.folder), "emotions": emotions, **metrics})
    together = pooled([run.predictions for run in runs])
    about = _about([run.result for run in runs], rows)
    return Evaluation(write_predictions(folder, about, together), folder, together)


def _about(results: list[dict[str, Any]], rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        **{key: results[0][key] for key in ("experiment", "protocol", "corpora", "synthetic")},
        "model": f"checkpoints of {len(rows)} folds",
        "epoch": None,
        "leaks": any(result["leaks"] for result in results),
        "speaker_independent": all(result["speaker_independent"] for result in results),
        "warning": next((result["warning"] for result in results if result["warning"]), ""),
        "folds": rows,
        **_spread(rows),
    }


def _over_seeds(evaluations: dict[int, Evaluation]) -> dict[str, Any]:
    about = ("experiment", "protocol", "corpora", "synthetic", "leaks", "speaker_independent", "warning")
    rows = [
        {"seed": seed, "folder": str(one.folder), **{key: one.result[key] for key in ("clips", *METRIC_NAMES, "folds")}}
        for seed, one in evaluations.items()
    ]
    first = next(iter(evaluations.values())).result
    return {**{key: first[key] for key in about}, "seeds": rows, **_spread(rows)}


def _spread(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation of each metric over rows."""
    columns = {name: [row[name] for row in rows if row[name] is not None] for name in METRIC_NAMES}
    return {
        "mean": {name: float(np.mean(values)) if values else None for name, values in columns.items()},
        "standard_deviation": {
            name: float(np.std(values, ddof=1)) if len(values) > 1 else None for name, values in columns.items()
        },
    }
