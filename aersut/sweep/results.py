"""Results of a sweep: table of trials, hyperparameter importance, and the commands that reproduce the best trial."""

import csv
import io
import shlex
import statistics
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from aersut import experiment as experiments
from aersut.config import Experiment
from aersut.errors import UserError
from aersut.paths import write_text
from aersut.program import program
from aersut.sweep.plan import Plan
from aersut.sweep.space import shorten
from aersut.sweep.study import sweep_trials
from aersut.sweep.trial import failure_reason, trial_overrides, trial_seconds
from aersut.tree import to_tree

MAX_ROWS = 10
"""Rows of the printed table; trials.csv has all trials."""
BEST_FRACTION = 0.25
"""Fraction of the trials that PED-ANOVA compares with all. In 12 simulated sweeps of 8 trials it finds the key that
matters 10 times, with Optuna's fraction of 0.1 5 times, and fANOVA, which needs scikit-learn, 6 times."""
HEADINGS = {"uar": "UAR", "size": "int8 KB", "arena": "arena KB"}


@dataclass(frozen=True)
class SweepResults:
    """The trials of a sweep by their state.

    Attributes:
        complete: the complete trials, the best first; with two objectives, the Pareto front first.
        front: the numbers of the trials on the Pareto front; with one objective, of the best trial alone.
        importance: the importance of each key for a UAR among the best quarter (PED-ANOVA, Watanabe et al. 2023),
            which sum to 1; empty with too few keys or trials, or where all trials have the same UAR.
    """

    plan: Plan
    complete: list[FrozenTrial]
    pruned: list[FrozenTrial]
    failed: list[FrozenTrial]
    running: list[FrozenTrial]
    front: frozenset[int]
    importance: dict[str, float]

    def trial(self, number: int | None = None) -> FrozenTrial:
        """The best trial, or the complete trial with this number; `UserError` if there is none."""
        for trial in self.complete:
            if number in (None, trial.number):
                return trial
        if number is None:
            raise UserError(f"the sweep in {self.plan.folder} has no complete trial yet; omit --status to run it.")
        known = ", ".join(str(trial.number) for trial in self.complete) or "none"
        raise UserError(f"--trial={number}: expected the number of a complete trial: {known}.")


def read_results(plan: Plan, study: optuna.Study) -> SweepResults:
    """Read the results of a study."""
    trials = sweep_trials(study)
    by_state = {state: [trial for trial in trials if trial.state == state] for state in TrialState}
    complete = sorted(
        by_state[TrialState.COMPLETE], key=lambda trial: (-trial.values[0], *trial.values[1:], trial.number)
    )
    best = study.best_trials if len(study.directions) > 1 else complete[:1]
    front = frozenset(trial.number for trial in best)
    return SweepResults(
        plan,
        sorted(complete, key=lambda trial: trial.number not in front),
        by_state[TrialState.PRUNED],
        by_state[TrialState.FAIL],
        [*by_state[TrialState.RUNNING], *by_state[TrialState.WAITING]],
        front,
        _importance(plan, study, complete),
    )


def uar_std(trial: FrozenTrial) -> float | None:
    """The sample standard deviation of the UAR over a trial's runs; None for a single run."""
    scores = [result["uar"] for result in trial.user_attrs.get("runs") or [] if "uar" in result]
    return statistics.stdev(scores) if len(scores) > 1 else None


def sweep_table(results: SweepResults) -> str:
    """The results as a text table."""
    plan = results.plan
    ended = len(results.complete) + len(results.pruned) + len(results.failed)
    counts = [f"{ended} of {plan.trials} trials ended"]
    states = {"pruned": results.pruned, "FAILED": results.failed, "running or waiting": results.running}
    counts += [f"{len(trials)} {state}" for state, trials in states.items() if trials]
    lines = [f"sweep {plan.name}: {', '.join(counts)}"]
    if results.failed:
        failed = results.failed[-1]
        lines.append(f"trial {failed.number} failed: {failure_reason(failed)}")
    if not results.complete:
        return "\n".join(lines)
    names = plan.sweep.objectives
    several = len(names) > 1
    rows = [["trial", *(HEADINGS[name] for name in names), "±", "epoch", "s", *plan.space, "folder"]]
    for trial in results.complete[: max(MAX_ROWS, len(results.front) if several else 0)]:
        rows.append(_row(results, trial))
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]  # without the ± of single runs
    widths = [max(map(len, column)) for column in columns]
    lines.append("")
    for row in zip(*columns, strict=True):
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if several:
        lines.append("* Pareto front: no other trial is better in one objective without being worse in the other")
    if len(results.importance) > 1:
        importance = ", ".join(f"{key} {fraction:.0%}" for key, fraction in results.importance.items())
        lines.append(f"\nimportance for the UAR (PED-ANOVA over {len(results.complete)} trials): {importance}")
    return "\n".join(lines)


def _row(results: SweepResults, trial: FrozenTrial) -> list[str]:
    runs = trial.user_attrs.get("runs") or []
    std = uar_std(trial)
    values = [f"{trial.values[0]:.3f}", *(f"{value / 1000:,.1f}" for value in trial.values[1:])]
    several = len(trial.values) > 1
    return [
        f"{trial.number}{' *' if several and trial.number in results.front else ''}",
        *values,
        "" if std is None else f"{std:.3f}",
        "/".join(str(run["epoch"]) for run in runs),
        f"{trial_seconds(trial):.0f}",
        *(shorten(text) for _, text in trial_overrides(results.plan, trial)),
        runs[0]["folder"] + (f" +{len(runs) - 1}" if len(runs) > 1 else "") if runs else "",
    ]


def reproduction_commands(results: SweepResults, number: int | None = None) -> str:
    """The command that trains a trial's configuration anew, and the one that opens its existing run folder."""
    trial, plan, launch = results.trial(number), results.plan, program()
    overrides = [f"--experiment.{key}={text}" for key, text in trial_overrides(plan, trial)]
    lines = [f"train trial {trial.number} anew:", f"  {launch} {shlex.join([*plan.command_line, *overrides])}"]
    runs = trial.user_attrs.get("runs") or []
    if runs and (plan.folder / runs[0]["folder"] / "checkpoints").is_dir():
        folder = plan.folder / runs[0]["folder"]
        lines.append(f"evaluate, export and report the trained run:\n  {launch} {shlex.join([f'--workdir={folder}'])}")
    return "\n".join(lines)


def trial_experiment(results: SweepResults, number: int | None = None) -> Experiment:
    """The experiment of a trial, with the seed and the fold of the sweep's own experiment."""
    return experiments.load_experiment(results.plan.experiment, trial_overrides(results.plan, results.trial(number)))


def trial_rows(results: SweepResults, typed: bool = False) -> list[dict[str, Any]]:
    """A row per ended trial: its state, objectives, duration, the text of each searched value, run folders, error.

    Args:
        typed: numbers, flags and None in place of the texts, as the experiment has them; a plugin or list remains text.
    """
    rows = []
    keys, objectives = list(results.plan.space), results.plan.sweep.objectives
    names = ["trial", "state", *objectives, "uar_std", "seconds", *keys, "folders", "error"]
    for trial in sorted([*results.complete, *results.pruned, *results.failed], key=lambda trial: trial.number):
        overrides = _typed_values(results, trial) if typed else dict(trial_overrides(results.plan, trial))
        values: list[Any] = list(trial.values or [])
        values += [None] * (len(objectives) - len(values))
        folders = " ".join(run["folder"] for run in trial.user_attrs.get("runs") or [])
        details = [uar_std(trial), round(trial_seconds(trial), 2), *(overrides.get(key, "") for key in keys), folders]
        row = [trial.number, trial.state.name.lower(), *values, *details, trial.user_attrs.get("error", "")]
        rows.append(dict(zip(names, row, strict=True)))
    return rows


def _typed_values(results: SweepResults, trial: FrozenTrial) -> dict[str, Any]:
    values: dict[str, Any] = dict(trial_overrides(results.plan, trial))
    try:
        tree = to_tree(experiments.load_experiment(results.plan.experiment, values.items()))
    except UserError:  # an invalid combination, which failed
        return values
    for key in values:
        node: Any = tree
        for name in key.split("."):
            node = node[int(name) if isinstance(node, list) else name]
        if node is None or isinstance(node, bool | int | float):
            values[key] = node
    return values


def write_trials_csv(results: SweepResults) -> Path:
    """Write every ended trial to `trials.csv`; return its path."""
    text, rows = io.StringIO(), trial_rows(results)
    table = csv.DictWriter(text, rows[0])
    table.writeheader()
    table.writerows(rows)
    path = results.plan.folder / "trials.csv"
    write_text(path, text.getvalue())
    return path


def _importance(plan: Plan, study: optuna.Study, complete: list[FrozenTrial]) -> dict[str, float]:
    if len(plan.space) < 2 or len(complete) < 4 or len({trial.values[0] for trial in complete}) == 1:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BEST_FRACTION)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*to achieve low `target` values")  # which is why the UAR is negated
        return optuna.importance.get_param_importances(
            study, evaluator=evaluator, target=lambda trial: -trial.values[0]
        )
