"""What a sweep has found so far: the table, what matters, and the commands that make the winner."""

import csv
import io
import shlex
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from aersut import experiment as experiments
from aersut.config import Experiment
from aersut.errors import UserError
from aersut.paths import write_text
from aersut.sweep.plan import Plan
from aersut.sweep.space import short
from aersut.sweep.study import counted
from aersut.sweep.trial import overrides_of, reason, seconds

SHOWN = 10
"""Trials in the table; all are in trials.csv."""
HEADS = {"uar": "UAR", "size": "int8 KB", "arena": "arena KB"}


@dataclass(frozen=True)
class Results:
    """The trials of a sweep by their outcome.

    Attributes:
        done: those that ended, the best first; with two objectives those of the Pareto front, then the others.
        front: the numbers of those on the Pareto front; of one objective, of the best alone.
        importance: how much each key matters for the UAR (fANOVA), where that can be told.
    """

    plan: Plan
    done: list[FrozenTrial]
    pruned: list[FrozenTrial]
    failed: list[FrozenTrial]
    running: list[FrozenTrial]
    front: frozenset[int]
    importance: dict[str, float]

    def trial(self, number: int | None = None) -> FrozenTrial:
        """The winner, or the trial of a number.

        Raises:
            UserError: there is none that ended.
        """
        for trial in self.done:
            if number in (None, trial.number):
                return trial
        raise UserError(
            f"no trial of the sweep in {self.plan.folder} has ended yet."
            if number is None
            else f"--trial={number}: that trial has not ended; those that have: "
            f"{', '.join(str(trial.number) for trial in self.done) or 'none'}."
        )


def results(plan: Plan, study: optuna.Study) -> Results:
    """Read a study."""
    trials = counted(study)
    by = {state: [trial for trial in trials if trial.state == state] for state in TrialState}
    done = sorted(by[TrialState.COMPLETE], key=lambda trial: (-trial.values[0], *trial.values[1:], trial.number))
    several = len(study.directions) > 1
    front = {trial.number for trial in study.best_trials} if several else {trial.number for trial in done[:1]}
    done = [
        *(trial for trial in done if trial.number in front),
        *(trial for trial in done if trial.number not in front),
    ]
    return Results(
        plan,
        done,
        by[TrialState.PRUNED],
        by[TrialState.FAIL],
        [*by[TrialState.RUNNING], *by[TrialState.WAITING]],
        frozenset(front),
        _importance(plan, study, len(done)),
    )


def spread(trial: FrozenTrial) -> float | None:
    """The standard deviation over a trial's runs; None of one run."""
    scores = [result["uar"] for result in trial.user_attrs.get("runs") or [] if "uar" in result]
    return statistics.stdev(scores) if len(scores) > 1 else None


def table(found: Results) -> str:
    """The results as text."""
    plan = found.plan
    total = len(found.done) + len(found.pruned) + len(found.failed)
    counts = [
        f"{total} of {plan.trials} trials ended",
        *([f"{len(found.pruned)} of them given up early"] if found.pruned else []),
        *([f"{len(found.failed)} of them FAILED"] if found.failed else []),
        *([f"{len(found.running)} under way or waiting"] if found.running else []),
    ]
    lines = [f"sweep {plan.name}: {', '.join(counts)}"]
    if found.failed:
        failed = found.failed[-1]
        lines.append(f"trial {failed.number} failed: {reason(failed)}")
    if not found.done:
        return "\n".join(lines)
    names = plan.sweep.objectives
    several = len(names) > 1
    rows = [["trial", *(HEADS[name] for name in names), "±", "epoch", "s", *plan.space, "folder"]]
    for trial in found.done[: max(SHOWN, len(found.front) if several else 0)]:
        rows.append(_row(found, trial))
    if all(row[len(names) + 1] == "" for row in rows[1:]):
        rows = [[cell for place, cell in enumerate(row) if place != len(names) + 1] for row in rows]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines.append("")
    for row in rows:
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if several:
        lines.append("* on the Pareto front: nothing is better in one without being worse in the other")
    if len(found.importance) > 1:
        shares = ", ".join(f"{key} {share:.0%}" for key, share in found.importance.items())
        lines.append(f"\nimportance for the UAR (fANOVA over {len(found.done)} trials): {shares}")
    return "\n".join(lines)


def _row(found: Results, trial: FrozenTrial) -> list[str]:
    runs = trial.user_attrs.get("runs") or []
    deviation = spread(trial)
    values = [f"{trial.values[0]:.3f}", *(f"{value / 1000:,.1f}" for value in trial.values[1:])]
    several = len(trial.values) > 1
    return [
        f"{trial.number}{' *' if several and trial.number in found.front else ''}",
        *values,
        "" if deviation is None else f"{deviation:.3f}",
        "/".join(str(run["epoch"]) for run in runs),
        f"{seconds(trial):.0f}",
        *(short(text) for _, text in overrides_of(found.plan, trial)),
        runs[0]["folder"] + (f" +{len(runs) - 1}" if len(runs) > 1 else "") if runs else "",
    ]


def commands(found: Results, number: int | None = None) -> str:
    """The command that trains a trial's configuration, and the one that goes on with what the sweep has trained."""
    trial = found.trial(number)
    program = "aersut" if Path(sys.argv[0]).name == "aersut" else "python launch.py"
    overrides = [f"--experiment.{key}={text}" for key, text in overrides_of(found.plan, trial)]
    lines = [f"trial {trial.number}, from nothing:", f"  {program} {shlex.join([*found.plan.asked, *overrides])}"]
    runs = trial.user_attrs.get("runs") or []
    if runs and (found.plan.folder / runs[0]["folder"] / "checkpoints").is_dir():
        folder = found.plan.folder / runs[0]["folder"]
        lines += [
            "as it was trained here, to evaluate, export and report:",
            f"  {program} {shlex.join([f'--workdir={folder}'])}",
        ]
    return "\n".join(lines)


def configuration(found: Results, number: int | None = None) -> Experiment:
    """The experiment of a trial, with the seed and the fold of the sweep's own experiment."""
    trial = found.trial(number)
    return experiments.load(found.plan.experiment, overrides_of(found.plan, trial))


def write_csv(found: Results) -> Path:
    """Write every trial into `trials.csv`, for other programs; return its path."""
    text = io.StringIO()
    rows = csv.writer(text)
    keys = list(found.plan.space)
    rows.writerow(["trial", "state", *found.plan.sweep.objectives, "deviation", "seconds", *keys, "folders", "error"])
    for trial in sorted([*found.done, *found.pruned, *found.failed], key=lambda trial: trial.number):
        known = dict(overrides_of(found.plan, trial))
        values: list[Any] = list(trial.values or [])
        values += [""] * (len(found.plan.sweep.objectives) - len(values))
        folders = " ".join(run["folder"] for run in trial.user_attrs.get("runs") or [])
        about = [spread(trial), round(seconds(trial), 2), *(known.get(key, "") for key in keys), folders]
        rows.writerow([trial.number, trial.state.name.lower(), *values, *about, trial.user_attrs.get("error", "")])
    path = found.plan.folder / "trials.csv"
    write_text(path, text.getvalue())
    return path


def _importance(plan: Plan, study: optuna.Study, done: int) -> dict[str, float]:
    if len(plan.space) < 2 or done < 4:
        return {}
    try:
        return optuna.importance.get_param_importances(
            study,
            evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0),
            target=lambda trial: trial.values[0],
        )
    except (ValueError, RuntimeError):  # as where all trials are worth the same
        return {}
