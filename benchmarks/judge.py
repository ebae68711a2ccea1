"""What recipes are worth: experiments trained on every fold and seed, exported, and judged on the test speakers.

    python benchmarks/judge.py --speech FOLDER [--experiments tiny_ravdess,micro_ravdess] [--folds 0,1] [--seeds 0]
        [--changes 'data.protocol=random epochs=40']
    python benchmarks/judge.py --table

All five folds and three seeds unless told otherwise, all folds of a seed first; `--changes` are keys of the experiment
with the values that they get, and a recipe with changes is one of its own. Each run adds a row to
docs/recipes.csv. A run whose row is there is passed over and one that was interrupted goes on where it stopped, in
runs/ablations; of an experiment that was edited, rows and runs are removed first. `int8` figures are those of the
exported file, run on every test clip. Recipes are chosen by `benchmarks/ablations.py`, on validation speakers; nothing
is chosen here. FOLDER is a root that holds RAVDESS.
"""

import json
import shlex
import statistics
from collections import defaultdict
from pathlib import Path

from common import RUNS, add_row, asked, known, trained  # beside this file

from aersut.evaluation.evaluate import evaluate
from aersut.experiment import load
from aersut.export.export import export
from aersut.models.cost import cost
from aersut.run import Run, make_frontend, open_run
from aersut.training import records

ROWS = Path(__file__).parents[1] / "docs" / "recipes.csv"
EXPERIMENTS = "tiny_ravdess,micro_ravdess"
INT8 = "model_int8.tflite"
COLUMNS = (
    *("experiment", "changes", "fold", "seed"),
    *("validation_uar", "uar", "wa", "int8_uar", "int8_wa", "int8_bytes", "arena"),
    *("parameters", "macs", "minutes"),
)


def main() -> None:
    arguments = asked(__doc__, ROWS, table, experiments=EXPERIMENTS, folds="0,1,2,3,4", seeds="0,1,2", changes="")
    for seed in arguments.seeds.split(","):
        for name in arguments.experiments.split(","):
            for fold in arguments.folds.split(","):
                one(name, arguments.changes, arguments.speech, fold, seed)


def one(name: str, changes: str, speech: Path, fold: str, seed: str) -> None:
    """Train, judge and export one run, unless its row is there, and add the row."""
    overrides = [(key, value) for key, _, value in (change.partition("=") for change in shlex.split(changes))]
    experiment = load(name, [*overrides, ("data.fold", fold), ("seed", seed)])
    row: dict[str, object] = {"experiment": name, "changes": changes, "fold": fold, "seed": seed}
    if known(ROWS, row):
        return
    about = ", ".join(part for part in (name, changes, f"fold {fold}", f"seed {seed}") if part)
    print(about, flush=True)
    run = trained(experiment, speech, RUNS / about)
    judged, file = evaluate(run), export(run)["files"][INT8]
    costs = cost(experiment.model, *make_frontend(experiment).shape, len(experiment.data.emotions))
    row |= {
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
    """How long the run's epochs took, its teacher's included, by the speed that each tells; validation comes on top."""
    items = sum(part == "train" for clip in json.loads(run.split.read_text())["clips"] for part in clip["parts"])
    own = sum(items / epoch["clips_per_second"] for epoch in records.read(run.records)) / 60
    return own + (minutes(open_run(run.teacher)) if run.experiment.teacher else 0.0)


def table(found: list[dict[str, str]]) -> str:
    """Mean and deviation over seeds of each experiment's mean over folds; seeds that lack some folds do not count."""
    groups: dict[str, dict[str, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for row in found:
        groups[f"{row['experiment']} {row['changes']}".strip()][row["seed"]].append(row)
    scores = {"uar": "UAR", "wa": "WA", "int8_uar": "int8 UAR", "int8_wa": "int8 WA"}
    widths = dict.fromkeys(scores.values(), 16) | {"parameters": 12, "int8 KB": 9, "arena KB": 10, "minutes": 9}
    lines = ["runs" + "".join(f"{title:>{width}}" for title, width in widths.items())]
    for name, begun in groups.items():
        folds = max(map(len, begun.values()))
        seeds = {seed: group for seed, group in begun.items() if len(group) == folds}
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
