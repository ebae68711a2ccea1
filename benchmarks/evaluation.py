"""How long it takes to judge 2,000 clips, to draw them, and to write the report.

    python benchmarks/evaluation.py [--repeats 3] [--json]

A run on synthetic voices is made in a temporary folder (a network of the quick start's size, one epoch), with 2,000
clips in its test part, whose features are cached before the clock runs. evaluate_s is a whole `--mode=evaluate`: a
process of its own, restoring, predicting, 2,000 bootstrap samples of everything, all pictures. report_s is the same of
`--mode=report`, report_mb the page's size. bootstrap_s is the intervals alone; bootstrap_sklearn_s the same UAR, WA and
F1 as a loop over scikit-learn's functions (measured on 100 resamples and multiplied).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import alternate

ROOT = Path(__file__).parents[1]
CLIPS, CLASSES, SPEAKERS = 2_000, 8, 26
SAMPLE = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one object, figure name → number")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        launch("--mode=train", *experiment(), f"--workdir={run}")
        launch("--mode=evaluate", f"--workdir={run}")
        figures = alternate(
            arguments.repeats,
            evaluate_s=lambda: launch("--mode=evaluate", f"--workdir={run}"),
            report_s=lambda: launch("--mode=report", f"--workdir={run}"),
        )
        clips = json.loads((run / "evaluation/metrics.json").read_text())["clips"]
        figures |= {"clips": clips, "report_mb": (run / "report.html").stat().st_size / 1e6}
    figures |= alternate(arguments.repeats, bootstrap_s=ours, bootstrap_sklearn_s=scikit_learns)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:22}{value:10,.2f}")


def experiment() -> list[str]:
    """Speakers enough that half of them say 2,000 clips."""
    return [
        "--experiment=quickstart",
        "--experiment.epochs=1",
        f"--experiment.data.corpora.0.speakers={2 * SPEAKERS}",
        "--experiment.data.test=0.5",
        "--experiment.data.validation=0.1",
        f"--experiment.data.corpora.0.repetitions={-(-CLIPS // (SPEAKERS * CLASSES))}",
    ]


def launch(*arguments: str) -> float:
    """Seconds that a command takes, from start to end."""
    begin = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "launch.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    return time.perf_counter() - begin


def ours() -> float:
    """Seconds for 2,000 resamples of the figures."""
    from aersut import metrics
    from aersut.evaluation.intervals import Resampling

    labels, said, speakers = verdict()
    begin = time.perf_counter()
    resampling = Resampling.of(speakers)
    metrics.figures(resampling.totals((labels, said), (CLASSES, CLASSES)))
    return time.perf_counter() - begin


def scikit_learns() -> float:
    """Seconds that a loop over scikit-learn's functions would take for the same."""
    from sklearn import metrics

    from aersut.evaluation.intervals import RESAMPLES, Resampling

    labels, said, speakers = verdict()
    resampling = Resampling.of(speakers, SAMPLE)
    begin = time.perf_counter()
    for weights in resampling.weights:
        each = weights[resampling.owners]
        metrics.accuracy_score(labels, said, sample_weight=each)
        metrics.recall_score(labels, said, average="macro", sample_weight=each)
        metrics.f1_score(labels, said, average="macro", sample_weight=each)
        metrics.f1_score(labels, said, average="weighted", sample_weight=each)
        metrics.cohen_kappa_score(labels, said, sample_weight=each)
    return (time.perf_counter() - begin) * RESAMPLES / SAMPLE


def verdict() -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(0)
    labels, said = rng.integers(0, CLASSES, (2, CLIPS))
    return labels, said, [str(speaker) for speaker in rng.integers(0, SPEAKERS, CLIPS)]


if __name__ == "__main__":
    main()
