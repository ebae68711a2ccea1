"""Durations of an evaluation of 2,000 clips with its plots, of the report, and of bootstrap intervals.

    python benchmarks/evaluation.py [--repeats 3] [--json]
    python benchmarks/evaluation.py --speech FOLDER --baseline REV [--repeats 3] [--json]

A run on synthetic speech is trained in a temporary folder (the network of the quick start, one epoch), with 2,000 clips
in its test set, whose features are cached before the measurement. evaluate_s is the duration of `--mode=evaluate` in
its own process: restoring, prediction, 2,000 bootstrap samples of all metrics, all plots. report_s is that of
`--mode=report`, report_mb the size of the page. bootstrap_s is the duration of the intervals alone; bootstrap_sklearn_s
that of a loop over scikit-learn's functions for the same UAR, WA, F1 and kappa (measured on 100 resamples and scaled).

With --baseline, `cnn` is trained on RAVDESS (--speech) for an epoch, by this build and by the revision. evaluate_s,
report_s and their sum are of the two builds, which alternate, each on its own run; 240 clips with 18 actors. The
evaluation has no stress conditions. `_vs_baseline` is the ratio.
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from baseline import NOW, Build, baseline
from common import alternate, require_peers

ROOT = Path(__file__).parents[1]
CLIPS, CLASSES, SPEAKERS = 2_000, 8, 26
SAMPLE = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object: name → number")
    parser.add_argument("--speech", type=Path, help="a data root with RAVDESS, for --baseline")
    parser.add_argument("--baseline", metavar="REV", help="a revision to compare with")
    arguments = parser.parse_args()
    if arguments.baseline:
        if arguments.speech is None:
            parser.error("--baseline needs --speech=FOLDER, a data root with RAVDESS")
        show(compared(arguments.speech, arguments.baseline, arguments.repeats), arguments.json)
        return
    require_peers("sklearn")
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        launch("--mode=train", *experiment(), f"--workdir={run}")
        launch("--mode=evaluate", f"--workdir={run}")
        results = alternate(
            arguments.repeats,
            evaluate_s=lambda: launch("--mode=evaluate", f"--workdir={run}"),
            report_s=lambda: launch("--mode=report", f"--workdir={run}"),
        )
        clips = json.loads((run / "evaluation/metrics.json").read_text())["clips"]
        results |= {"clips": clips, "report_mb": (run / "report.html").stat().st_size / 1e6}
    results |= alternate(arguments.repeats, bootstrap_s=bootstrap, bootstrap_sklearn_s=bootstrap_sklearn)
    show(results, arguments.json)


def show(results: dict[str, float], as_json: bool) -> None:
    """Print the results as a table, or as one JSON object."""
    if as_json:
        print(json.dumps(results))
        return
    for name, value in results.items():
        print(f"{name:30}{value:10,.2f}")


def compared(speech: Path, revision: str, repeats: int) -> dict[str, float]:
    """Durations of evaluation and report by this build and by a revision, alternating."""
    builds = {"": NOW, "baseline_": baseline(revision)}
    overrides = [
        "--experiment=cnn_combined",
        f"--experiment.data.root={speech.absolute()}",
        "--experiment.data.corpora=ravdess",
        "--experiment.augmented_copies=0",
        "--experiment.epochs=1",
    ]
    with tempfile.TemporaryDirectory() as folder:

        def seconds(name: str, build: Build, mode: str) -> float:
            begin = time.perf_counter()
            build.launch(f"--mode={mode}", f"--workdir={folder}/{name}run", cache=Path(folder, f"{name}cache"))
            return time.perf_counter() - begin

        for name, build in builds.items():
            build.launch(
                "--mode=train", *overrides, f"--workdir={folder}/{name}run", cache=Path(folder, f"{name}cache")
            )
        ways = {
            f"{name}{mode}_s": functools.partial(seconds, name, build, mode)
            for mode in ("evaluate", "report")
            for name, build in builds.items()
        }
        results = alternate(repeats, **ways)
    for name in builds:
        results[f"{name}both_s"] = results[f"{name}evaluate_s"] + results[f"{name}report_s"]
    for name in ("evaluate_s", "report_s", "both_s"):
        results[f"{name}_vs_baseline"] = results[name] / results[f"baseline_{name}"]
    return results


def experiment() -> list[str]:
    """Overrides for as many speakers that the test set, half of them, has 2,000 clips."""
    return [
        "--experiment=quickstart",
        "--experiment.epochs=1",
        f"--experiment.data.corpora.0.speakers={2 * SPEAKERS}",
        "--experiment.data.test=0.5",
        "--experiment.data.validation=0.1",
        f"--experiment.data.corpora.0.repetitions={-(-CLIPS // (SPEAKERS * CLASSES))}",
    ]


def launch(*arguments: str) -> float:
    """Duration of a command in seconds."""
    begin = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "launch.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    return time.perf_counter() - begin


def bootstrap() -> float:
    """Duration of the headline metrics of 2,000 bootstrap samples in seconds."""
    from aersut import metrics
    from aersut.evaluation.intervals import Resampling

    labels, predicted, speakers = random_predictions()
    begin = time.perf_counter()
    resampling = Resampling.of(speakers)
    metrics.headline_metrics(resampling.totals((labels, predicted), (CLASSES, CLASSES)))
    return time.perf_counter() - begin


def bootstrap_sklearn() -> float:
    """Duration of the same with scikit-learn's functions in seconds, scaled from a smaller number of samples."""
    from sklearn import metrics

    from aersut.evaluation.intervals import RESAMPLES, Resampling

    labels, predicted, speakers = random_predictions()
    resampling = Resampling.of(speakers, SAMPLE)
    begin = time.perf_counter()
    for weights in resampling.weights:
        each = weights[resampling.owners]
        metrics.accuracy_score(labels, predicted, sample_weight=each)
        metrics.recall_score(labels, predicted, average="macro", sample_weight=each)
        metrics.f1_score(labels, predicted, average="macro", sample_weight=each)
        metrics.f1_score(labels, predicted, average="weighted", sample_weight=each)
        metrics.cohen_kappa_score(labels, predicted, sample_weight=each)
    return (time.perf_counter() - begin) * RESAMPLES / SAMPLE


def random_predictions() -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, CLASSES, (2, CLIPS))
    return labels, predicted, [str(speaker) for speaker in rng.integers(0, SPEAKERS, CLIPS)]


if __name__ == "__main__":
    main()
