"""What recipes are worth: experiments trained on every fold and seed, exported, and judged on the test speakers.

    python benchmarks/judge.py --speech FOLDER [--experiments tiny_ravdess,micro_ravdess] [--folds 0,1] [--seeds 0]
    python benchmarks/judge.py --table

All five folds and three seeds unless told otherwise, all folds of a seed first. Each run adds a row to
docs/recipes.csv. A run whose row is there is passed over and one that was interrupted goes on where it stopped, in
runs/ablations; of an experiment that was edited, rows and runs are removed first. `int8` figures are those of the
exported file, run on every test clip. Recipes are chosen by `benchmarks/ablations.py`, on validation speakers; nothing
is chosen here. FOLDER is a root that holds RAVDESS.
"""

import json
import statistics
from collections import defaultdict
from pathlib import Path

from common import RUNS, add_row, asked, known, trained  # beside this file

from aersut.evaluation.evaluate import evaluate
from aersut.experiment import load
from aersut.export.export import export
from aersut.models.cost import cost
from aersut.run import Run, make_frontend
from aersut.training import records

ROWS = Path(__file__).parents[1] / "docs" / "recipes.csv"
EXPERIMENTS = "tiny_ravdess,micro_ravdess"
INT8 = "model_int8.tflite"
COLUMNS = (
    *("experiment", "fold", "seed", "validation_uar", "uar", "wa", "int8_uar", "int8_wa", "int8_bytes", "arena"),
    *("parameters", "macs", "minutes"),
)


def main() -> None:
    arguments = asked(__doc__, ROWS, table, experiments=EXPERIMENTS, folds="0,1,2,3,4", seeds="0,1,2")
    for seed in arguments.seeds.split(","):
        for name in arguments.experiments.split(","):
            for fold in arguments.folds.split(","):
                one(name, arguments.speech, fold, seed)


def one(name: str, speech: Path, fold: str, seed: str) -> None:
    """Train, judge and export one run, unless its row is there, and add the row."""
    experiment = load(name, [("data.fold", fold), ("seed", seed)])
    row: dict[str, object] = {"experiment": name, "fold": fold, "seed": seed}
    if known(ROWS, row):
        return
    print(f"{name}, fold {fold}, seed {seed}", flush=True)
    run = trained(experiment, speech, RUNS / f"{name}, {fold}, {seed}")
    judged, file = evaluate(run), export(run)["files"][INT8]
    costs = cost(experiment.model, *make_frontend(experiment).shape, len(experiment.data.emotions))
    row = {
        "experiment": name,
        "fold": fold,
        "seed": seed,
        "uar": round(judged["uar"], 4),
        "wa": round(judged["wa"], 4),
        "int8_uar": round(file["uar"], 4),
        "int8_wa": round(file["wa"], 4),
        "int8_bytes": file["bytes"],
        "arena": file["arena"],
        "parameters": costs.parameters,
        "macs": costs.macs,
        "validation_uar": round(max(epoch["validation_uar"] for epoch in records.read(run.records)), 4),
        "minutes": round(minutes(run), 2),
    }
    add_row(ROWS, COLUMNS, row)


def minutes(run: Run) -> float:
    """How long the run's epochs took, from what each says of its speed; validation and start come on top."""
    items = sum(part == "train" for clip in json.loads(run.split.read_text())["clips"] for part in clip["parts"])
    return sum(items / epoch["clips_per_second"] for epoch in records.read(run.records)) / 60


def table(found: list[dict[str, str]]) -> str:
    """Mean and deviation over seeds of each experiment's mean over folds."""
    groups: dict[str, dict[str, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for row in found:
        groups[row["experiment"]][row["seed"]].append(row)
    lines = [f"{'experiment':20}{'runs':>5}{'UAR':>16}{'int8 UAR':>16}{'int8 WA':>16}{'int8 KB':>9}{'arena KB':>9}"]
    for name, seeds in groups.items():
        rows = [row for group in seeds.values() for row in group]
        cells = []
        for column in ("uar", "int8_uar", "int8_wa"):
            means = [statistics.mean(float(row[column]) for row in group) for group in seeds.values()]
            spread = f" ± {statistics.stdev(means):.3f}" if len(means) > 1 else ""
            cells.append(f"{statistics.mean(means):.3f}{spread}")
        sizes = [max(int(row[column]) for row in rows) / 1000 for column in ("int8_bytes", "arena")]
        cells = [f"{cell:>16}" for cell in cells] + [f"{size:9.0f}" for size in sizes]
        lines.append(f"{name:20}{len(rows):5}" + "".join(cells))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
