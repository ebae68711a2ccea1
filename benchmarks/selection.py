"""Checkpoint selection: test UAR of the epoch with the best validation UAR, against that of the last epoch.

    python benchmarks/selection.py --speech FOLDER [--seeds 0,1,2] [--halves a]
    python benchmarks/selection.py --table

The experiment is variant "as it is" of stage "augmented" of `benchmarks/ablations.py`. In each half of four speakers,
a woman and a man are the validation set, as few as in a fold of ravdess5; the other two are the test set of both
epochs' checkpoints. They are validation speakers of ravdess5's folds, and each is a test speaker of another fold. Each
run adds a row to docs/selection.csv; a run with a row is skipped.
"""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ablations import AUGMENTED, HALVES, SPEAKERS, START  # beside this file
from common import RUNS, add_row, has_row, parse_arguments, trained_run

from aersut.evaluation.evaluate import evaluate
from aersut.experiment import load_experiment

ROWS = Path(__file__).parents[1] / "docs" / "selection.csv"
COLUMNS = ("half", "validation_speakers", "test_speakers", "seed", "best_epoch", "best_uar", "last_uar")


def main() -> None:
    arguments = parse_arguments(__doc__, ROWS, table, halves="a,b", seeds="0,1,2")
    for seed in arguments.seeds.split(","):
        for half in arguments.halves.split(","):
            men, women = ([one for one in HALVES[half] if one % 2 == odd] for odd in (1, 0))
            pairs = list(zip(men, women, strict=True))
            for validation, test in (pairs, pairs[::-1]):
                one(half, validation, test, arguments.speech, seed)


def one(half: str, validation: tuple[int, int], test: tuple[int, int], speech: Path, seed: str) -> None:
    """Train one run, evaluate its best and its last epoch, and add its row; skip it if the row exists."""
    sets = {"validation_speakers": listed(validation), "test_speakers": listed(test)}
    row = {"half": half, **sets, "seed": seed}
    if has_row(ROWS, row):
        return
    print(f"half {half}, validation speakers {listed(validation)}, seed {seed}", flush=True)
    sets["train_speakers"] = listed([speaker for speaker in SPEAKERS if speaker not in HALVES[half]])
    keys = {f"data.{name}": speakers for name, speakers in sets.items()}
    experiment = load_experiment(START, {**AUGMENTED, "data.protocol": "given", **keys, "seed": seed}.items())
    run = trained_run(experiment, speech, RUNS / f"selection, {half}, {listed(validation)}, {seed}")
    best, last = (
        evaluate(replace(run, experiment=replace(run.experiment, select=select))).result for select in ("best", "last")
    )
    results = {"best_epoch": best["epoch"], "best_uar": f"{best['uar']:.4f}", "last_uar": f"{last['uar']:.4f}"}
    add_row(ROWS, COLUMNS, {**row, **results})


def listed(speakers: Sequence[int]) -> str:
    return ",".join(map(str, speakers))


def table(found: list[dict[str, str]]) -> str:
    """The mean UAR of both selections, and of their difference with its standard error over the test sets."""
    best, last = ([float(row[f"{which}_uar"]) for row in found] for which in ("best", "last"))
    by_test: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row, a, b in zip(found, best, last, strict=True):
        by_test[row["half"], row["test_speakers"]].append(b - a)  # seeds of one test set are not independent
    gains = list(map(statistics.mean, by_test.values()))
    error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else float("nan")
    return (
        f"{len(found)} runs: best epoch {statistics.mean(best):.3f}, last epoch {statistics.mean(last):.3f}, "
        f"difference {statistics.mean(gains):+.3f} ± {error:.3f}"
    )


if __name__ == "__main__":
    main()
