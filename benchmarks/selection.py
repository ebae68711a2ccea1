"""Which epoch judges unheard speakers better: the best by validation, or the last?

    python benchmarks/selection.py --speech FOLDER [--seeds 0,1,2] [--halves a]
    python benchmarks/selection.py --table

The "as it is" of the "augmented" stage of `benchmarks/ablations.py`. Of each half's four speakers a woman and a man
validate, as few as in a fold of ravdess5, and the other two are judged by the weights of either epoch. The speakers are
those that validate in ravdess5's folds; no test speaker is looked at. Each run adds a row to docs/selection.csv, and is
passed over where its row is there.
"""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ablations import AUGMENTED, HALVES, SPEAKERS, START  # beside this file
from common import RUNS, add_row, asked, known, trained

from aersut.evaluation.evaluate import evaluate
from aersut.experiment import load

ROWS = Path(__file__).parents[1] / "docs" / "selection.csv"
COLUMNS = ("half", "validating", "judged", "seed", "best_epoch", "best_uar", "last_uar")


def main() -> None:
    arguments = asked(__doc__, ROWS, table, halves="a,b", seeds="0,1,2")
    for seed in arguments.seeds.split(","):
        for half in arguments.halves.split(","):
            men, women = ([one for one in HALVES[half] if one % 2 == odd] for odd in (1, 0))
            pairs = list(zip(men, women, strict=True))
            for validating, judged in (pairs, pairs[::-1]):
                one(half, validating, judged, arguments.speech, seed)


def one(half: str, validating: tuple[int, int], judged: tuple[int, int], speech: Path, seed: str) -> None:
    """Train one run, unless its row is there, judge its best and its last epoch, and add the row."""
    row = {"half": half, "validating": listed(validating), "judged": listed(judged), "seed": seed}
    if known(ROWS, row):
        return
    print(f"half {half}, {listed(validating)} validate, seed {seed}", flush=True)
    parts = {"train": [one for one in SPEAKERS if one not in HALVES[half]], "validation": validating, "test": judged}
    named = {f"data.{part}_speakers": listed(who) for part, who in parts.items()}
    experiment = load(START, {**AUGMENTED, "data.protocol": "given", **named, "seed": seed}.items())
    run = trained(experiment, speech, RUNS / f"selection, {half}, {row['validating']}, {seed}")
    best, last = (
        evaluate(replace(run, experiment=replace(run.experiment, select=which))) for which in ("best", "last")
    )
    figures = {"best_epoch": best["epoch"], "best_uar": f"{best['uar']:.4f}", "last_uar": f"{last['uar']:.4f}"}
    add_row(ROWS, COLUMNS, {**row, **figures})


def listed(speakers: Sequence[int]) -> str:
    return ",".join(map(str, speakers))


def table(found: list[dict[str, str]]) -> str:
    """The mean of either way, and of their difference with its standard error."""
    best, last = ([float(row[f"{which}_uar"]) for row in found] for which in ("best", "last"))
    gains = [b - a for a, b in zip(best, last, strict=True)]
    error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else float("nan")
    return (
        f"{len(found)} runs: best epoch {statistics.mean(best):.3f}, last epoch {statistics.mean(last):.3f}, "
        f"difference {statistics.mean(gains):+.3f} ± {error:.3f}"
    )


if __name__ == "__main__":
    main()
