"""Results of recipes: train experiments on every fold and seed, export them, evaluate them on the test speakers.

    python benchmarks/recipes.py --speech FOLDER [--experiments tiny_ravdess,micro_ravdess] [--folds 0,1] [--seeds 0]
        [--changes 'data.protocol=random epochs=40']
    python benchmarks/recipes.py --table

The defaults are all five folds and three seeds; all folds of a seed run first. `--changes` sets keys of the
experiment; a recipe with changes counts as another recipe. Each run adds a row to docs/recipes.csv. A run with a row
is skipped, and an interrupted run resumes from runs/ablations. After an experiment is edited, remove its rows and runs
first. `int8` results are those of the exported model, run on every test clip. `benchmarks/ablations.py` chooses
recipes on validation speakers; nothing is chosen here. FOLDER is a data root that contains RAVDESS.
"""

import shlex
import statistics
from collections import defaultdict
from pathlib import Path

from common import RUNS, add_row, has_row, parse_arguments, trained_run  # beside this file

from aersut.data.splits import read_split
from aersut.evaluation.evaluate import evaluate
from aersut.experiment import load_experiment
from aersut.export.bundle import export
from aersut.models.cost import cost
from aersut.run import Run, make_frontend, open_run
from aersut.training import records
from aersut.training.distillation import recorded_teacher

ROWS = Path(__file__).parents[1] / "docs" / "recipes.csv"
EXPERIMENTS = "tiny_ravdess,micro_ravdess"
INT8 = "model_int8.tflite"
COLUMNS = (
    *("experiment", "changes", "fold", "seed"),
    *("validation_uar", "uar", "wa", "int8_uar", "int8_wa", "int8_bytes", "arena"),
    *("parameters", "macs", "minutes"),
)


def main() -> None:
    arguments = parse_arguments(
        __doc__, ROWS, table, experiments=EXPERIMENTS, folds="0,1,2,3,4", seeds="0,1,2", changes=""
    )
    for seed in arguments.seeds.split(","):
        for name in arguments.experiments.split(","):
            for fold in arguments.folds.split(","):
                one(name, arguments.changes, arguments.speech, fold, seed)


def one(name: str, changes: str, speech: Path, fold: str, seed: str) -> None:
    """Train, evaluate and export one run, and add its row; skip it if the row exists."""
    overrides = [(key, value) for key, _, value in (change.partition("=") for change in shlex.split(changes))]
    experiment = load_experiment(name, [*overrides, ("data.fold", fold), ("seed", seed)])
    row: dict[str, object] = {"experiment": name, "changes": changes, "fold": fold, "seed": seed}
    if has_row(ROWS, row):
        return
    title = ", ".join(text for text in (name, changes, f"fold {fold}", f"seed {seed}") if text)
    print(title, flush=True)
    run = trained_run(experiment, speech, RUNS / title)
    result, file = evaluate(run).result, export(run)["files"][INT8]
    costs = cost(experiment.model, *make_frontend(experiment).shape, len(experiment.data.emotions))
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
    }
    add_row(ROWS, COLUMNS, row)


def minutes(run: Run) -> float:
    """Training time of the run and its teacher in minutes, from each epoch's clips per second; without validation."""
    clips = (read_split(run.split) or {"clips": []})["clips"]
    items = sum(name == "train" for clip in clips for name in clip["splits"])
    own = sum(items / epoch["clips_per_second"] for epoch in records.read_records(run.records)) / 60
    teacher = recorded_teacher(run)
    return own + (minutes(open_run(teacher)) if teacher else 0.0)


def table(found: list[dict[str, str]]) -> str:
    """Mean and standard deviation over seeds of each recipe's mean over folds; seeds with missing folds are omitted."""
    groups: dict[str, dict[str, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for row in found:
        groups[f"{row['experiment']} {row['changes']}".strip()][row["seed"]].append(row)
    scores = {"uar": "UAR", "wa": "WA", "int8_uar": "int8 UAR", "int8_wa": "int8 WA"}
    widths = dict.fromkeys(scores.values(), 16) | {"parameters": 12, "int8 KB": 9, "arena KB": 10, "minutes": 9}
    lines = ["runs" + "".join(f"{title:>{width}}" for title, width in widths.items())]
    for name, by_seed in groups.items():
        folds = max(map(len, by_seed.values()))
        seeds = {seed: group for seed, group in by_seed.items() if len(group) == folds}
        rows = [row for group in seeds.values() for row in group]
        cells = []
        for column in scores:
            means = [statistics.mean(float(row[column]) for row in group) for group in seeds.values()]
            spread = f" ± {statistics.stdev(means):.3f}" if len(means) > 1 else ""
            cells.append(f"{statistics.mean(means):.3f}{spread}")
        cells.append(f"{int(rows[0]['parameters']):,}")
        cells += [f"{max(int(row[column]) for row in rows) / 1000:.0f}" for column in ("int8_bytes", "arena")]
        cells.append(f"{statistics.mean(float(row['minutes']) for row in rows):.1f}")
        lines += [name, f"{len(rows):4}" + "".join(f"{c:>{w}}" for c, w in zip(cells, widths.values(), strict=True))]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
