"""Results of recipes: train experiments on every fold and seed, export them, evaluate them on the test speakers.

    python benchmarks/recipes.py --speech FOLDER [--experiments tiny_ravdess,micro_ravdess] [--folds 0,1] [--seeds 0]
        [--changes 'data.protocol=random epochs=40'] [--stress NOISE,IMPULSE_RESPONSES]
    python benchmarks/recipes.py --table

The defaults are all five folds and three seeds; all folds of a seed run first. `--changes` sets keys of the
experiment; a recipe with changes counts as another recipe. Each run adds a row to docs/recipes.csv. A run with a row
is skipped, and an interrupted run resumes from runs/ablations. `recipe` is the digest of the configuration without
fold, seed and folder, so that an edited experiment counts as another recipe, too. `int8` results are those of the
exported model, run on every test clip. `benchmarks/ablations.py` chooses recipes on validation speakers; nothing is
chosen here. FOLDER is a data root that contains RAVDESS.

`ravdess` and `cremad` are the UAR of the int8 model on the test speakers of each corpus, if there are both; `ece` is
its calibration error. `other` is its UAR on all clips of the corpus that it was not trained on, if FOLDER contains it:
predictions among the emotions that both have. With --stress, two folders, `stress` is its stress mean, `gain` the
largest UAR drop under gains of -24 to 24 dB and peak normalization, `noise20` and `noise10` those with recorded
noise at 20 and 10 dB SNR, `band` that of the band 300 to 3400 Hz, and `rooms` that of measured impulse responses.
"""

import shlex
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

from common import RUNS, add_row, check_stress, has_row, parse_arguments, trained_run  # beside this file

from aersut.contracts import Condition
from aersut.corpora import CremaD, Ravdess
from aersut.data.splits import read_split
from aersut.errors import UserError
from aersut.evaluation.evaluate import EvaluationOptions, evaluate, evaluate_on_corpora
from aersut.experiment import load_experiment
from aersut.export.bundle import export
from aersut.models.cost import cost
from aersut.run import make_frontend
from aersut.run_folder import Run, identity, open_run
from aersut.stress import STANDARD, ImpulseResponses, RecordedNoise
from aersut.training import records
from aersut.training.distillation import recorded_teacher
from aersut.tree import digest

ROWS = Path(__file__).parents[1] / "docs" / "recipes.csv"
EXPERIMENTS = "tiny_ravdess,micro_ravdess"
INT8 = "model_int8.tflite"
COLUMNS = (
    *("experiment", "changes", "recipe", "fold", "seed"),
    *("validation_uar", "uar", "wa", "int8_uar", "int8_wa", "int8_bytes", "arena"),
    *("parameters", "macs", "minutes"),
    *("ravdess", "cremad", "ece", "stress", "gain", "noise20", "noise10", "band", "rooms", "other"),
)
DROPS = {
    "gain": (*(f"gain {db:+} dB" for db in (-24, -12, 12, 24)), "peak normalization"),
    "noise20": ("recorded noise 20 dB SNR",),
    "noise10": ("recorded noise 10 dB SNR",),
    "band": ("band 300 to 3400 Hz",),
    "rooms": ("measured impulse responses",),
}
"""Column → titles of the conditions whose largest UAR drop it states."""


def main() -> None:
    arguments = parse_arguments(
        __doc__, ROWS, table, experiments=EXPERIMENTS, folds="0,1,2,3,4", seeds="0,1,2", changes="", stress=""
    )
    check_stress(arguments.stress)
    for seed in arguments.seeds.split(","):
        for name in arguments.experiments.split(","):
            for fold in arguments.folds.split(","):
                one(name, arguments.changes, arguments.speech, fold, seed, arguments.stress)


def one(name: str, changes: str, speech: Path, fold: str, seed: str, stress: str) -> None:
    """Train, evaluate and export one run, and add its row; skip it if the row exists.

    Args:
        stress: folders of noise and of impulse responses, "NOISE,IMPULSE_RESPONSES"; "" omits the stress evaluation.
    """
    overrides = [(key, value) for key, _, value in (change.partition("=") for change in shlex.split(changes))]
    recipe = load_experiment(name, overrides)
    experiment = load_experiment(recipe, [("data.fold", fold), ("seed", seed)])
    digits = digest(identity(recipe))
    row: dict[str, object] = {"experiment": name, "changes": changes, "recipe": digits, "fold": fold, "seed": seed}
    if has_row(ROWS, row):
        return
    print(", ".join(text for text in (name, changes, f"fold {fold}", f"seed {seed}") if text), flush=True)
    run = trained_run(experiment, speech, RUNS / f"{name} {digits}, fold {fold}, seed {seed}")
    result, file = evaluate(run).result, export(run)["files"][INT8]
    exported = evaluate(run, EvaluationOptions(run.export / INT8, conditions=conditions(stress))).result
    costs = cost(experiment.model, *make_frontend(experiment).shape, make_frontend(experiment).classes)
    row |= {
        "uar": round(result["uar"], 4),
        "wa": round(result["wa"], 4),
        "int8_uar": round(file["uar"], 4),
        "int8_wa": round(file["wa"], 4),
        "int8_bytes": file["bytes"],
        "arena": file["arena"],
        "parameters": costs.parameters,
        "macs": costs.macs,
        "validation_uar": round(max(epoch["validation_uar"] for epoch in records.read_records(run.records)), 4),
        "minutes": round(minutes(run), 2),
        "ece": round(exported["ece"], 4),
        **{name: round(group["uar"], 4) for name, group in exported["groups"]["corpus"].items() if name in COLUMNS},
        **robustness(exported.get("stress")),
        **cross_corpus(run),
    }
    add_row(ROWS, COLUMNS, row)


def conditions(stress: str) -> tuple[Condition, ...]:
    """The stress conditions, with recorded noise and impulse responses; none without folders."""
    if not stress:
        return ()
    noise, rooms = stress.split(",")
    return *STANDARD, RecordedNoise(noise, 20.0), RecordedNoise(noise, 10.0), ImpulseResponses(rooms)


def robustness(stress: dict[str, Any] | None) -> dict[str, float]:
    """The stress mean and the UAR drops in `DROPS`."""
    if stress is None:
        return {}
    drop = {row["title"]: row["uar_drop"] for row in stress["conditions"]}
    known = {name: [drop[title] for title in titles] for name, titles in DROPS.items()}
    drops = {name: round(max(values), 4) for name, values in known.items() if None not in values}  # none skipped
    return {"stress": round(stress["mean"], 4), **drops}


def cross_corpus(run: Run) -> dict[str, float]:
    """The column `other`, if the data root contains a corpus that the run was not trained on."""
    used = {type(corpus) for corpus in run.experiment.data.corpora}
    corpora = tuple(corpus() for corpus in (Ravdess, CremaD) if corpus not in used)
    if not corpora:
        return {}
    try:
        found = evaluate_on_corpora(run, None, corpora, EvaluationOptions(run.export / INT8)).result
    except UserError:  # FOLDER lacks the corpus
        return {}
    return {"other": round(found["cross_corpus"][0]["uar_restricted"], 4)}


def minutes(run: Run) -> float:
    """Training time of the run and its teacher in minutes, from each epoch's clips per second; without validation."""
    clips = (read_split(run.split) or {"clips": []})["clips"]
    items = sum(name == "train" for clip in clips for name in clip["splits"])
    own = sum(items / epoch["clips_per_second"] for epoch in records.read_records(run.records)) / 60
    teacher = recorded_teacher(run)
    return own + (minutes(open_run(teacher)) if teacher else 0.0)


def table(found: list[dict[str, str]]) -> str:
    """Mean and standard deviation over seeds of each recipe's mean over folds.

    Seeds with missing folds are omitted; if all have, only that with the most folds counts.
    """
    groups: dict[str, dict[str, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for row in found:
        groups[f"{row['experiment']} {row['changes']} ({row['recipe']})"][row["seed"]].append(row)
    scores = {"uar": "UAR", "wa": "WA", "int8_uar": "int8 UAR", "int8_wa": "int8 WA"}
    scores |= {"ravdess": "int8 RAVDESS", "cremad": "int8 CREMA-D", "stress": "stress mean", "other": "other corpus"}
    widths = dict.fromkeys(scores.values(), 16) | {"parameters": 12, "int8 KB": 9, "arena KB": 10, "minutes": 9}
    lines = ["runs" + "".join(f"{title:>{width}}" for title, width in widths.items())]
    for name, by_seed in groups.items():
        folds = {row["fold"] for group in by_seed.values() for row in group}
        complete = [group for group in by_seed.values() if {row["fold"] for row in group} == folds]
        seeds = complete or [max(by_seed.values(), key=len)]
        rows = [row for group in seeds for row in group]
        cells = [_score(seeds, column) for column in scores]
        cells.append(f"{int(rows[0]['parameters']):,}")
        cells += [f"{max(int(row[column]) for row in rows) / 1000:.0f}" for column in ("int8_bytes", "arena")]
        cells.append(f"{statistics.mean(float(row['minutes']) for row in rows):.1f}")
        lines += [name, f"{len(rows):4}" + "".join(f"{c:>{w}}" for c, w in zip(cells, widths.values(), strict=True))]
    return "\n".join(lines)


def _score(seeds: list[list[dict[str, str]]], column: str) -> str:
    """Mean and standard deviation over seeds of the mean over their rows; "-" if a row has no value."""
    if not all(row[column] for rows in seeds for row in rows):
        return "-"
    means = [statistics.mean(float(row[column]) for row in rows) for rows in seeds]
    spread = f" ± {statistics.stdev(means):.3f}" if len(means) > 1 else ""
    return f"{statistics.mean(means):.3f}{spread}"


if __name__ == "__main__":
    main()
