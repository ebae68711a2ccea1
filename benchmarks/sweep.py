"""Cost of a sweep in addition to its trials, speed-up by a second worker, and time of an earlier revision.

    python benchmarks/sweep.py [--experiment quickstart] [--epochs 5] [--repeats 3] [--json]
        [--baseline 301546a] [--speech FOLDER]

Eight trials of a small network, each with a learning rate that was never compiled before. One worker and two workers
run in turn, each in new processes, with decoded audio and features in the cache. The results are medians.

workers_ratio is the time of two workers divided by that of one, …_cores the number of cores that they keep busy: two
workers can only gain the cores that one leaves idle. scheduling is the fraction of one worker's time, from its first
trial to its last, that is spent outside training and its preparation: sampling, reporting, the database.
With --baseline, the sweeps of this and of an earlier revision run in turn with one worker, each with an empty folder of
compiled functions: sweep_s, baseline_sweep_s, and sweep_ratio, the first divided by the second. --speech sweeps
`micro_ravdess` without its teacher on the RAVDESS recordings under a folder.
second_start_s is the time from the start of the second trial to the end of its first step, compilation included.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from baseline import NOW, Build, baseline
from common import alternate

ROOT = Path(__file__).parents[1]
TRIALS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiment", help="default: quickstart; with --speech, micro_ravdess")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3, help="1 or more")
    parser.add_argument("--json", action="store_true", help="print one JSON object: metric name → number")
    parser.add_argument("--baseline", metavar="REVISION", help="compare with this earlier revision")
    parser.add_argument("--speech", type=Path, metavar="FOLDER", help="a data root with RAVDESS")
    parser.add_argument("--run", metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.experiment = arguments.experiment or ("micro_ravdess" if arguments.speech else "quickstart")
    if arguments.run:
        print(json.dumps(inside(arguments)))
        return
    busy: dict[int, list[float]] = {1: [], 2: []}
    taken = alternate(arguments.repeats, one=lambda: sweep(arguments, 1, busy), two=lambda: sweep(arguments, 2, busy))
    metrics = {
        "one_worker_s": taken["one"],
        "two_workers_s": taken["two"],
        "workers_ratio": taken["two"] / taken["one"],
        "one_worker_cores": statistics.median(busy[1][1:]),
        "two_workers_cores": statistics.median(busy[2][1:]),
        **measure_one_worker(arguments),
        **(compare_with_baseline(arguments) if arguments.baseline else {}),
    }
    if arguments.json:
        print(json.dumps(metrics))
        return
    for name, value in metrics.items():
        print(f"{name:24}{value:10.4f}")


def command(arguments: argparse.Namespace, folder: str) -> list[str]:
    return [
        "launch.py", "--mode=sweep", f"--experiment={arguments.experiment}", f"--experiment.epochs={arguments.epochs}",
        f"--sweep.optimizer.learning_rate=1e-4:1e-2:log:{TRIALS}", f"--workdir={folder}",
        *([f"--experiment.data.root={arguments.speech.absolute()}"] if arguments.speech else []),
        *(["--experiment.teacher=none"] if arguments.experiment == "micro_ravdess" else []),
    ]  # fmt: skip


def compare_with_baseline(arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds of the same sweep in this and in an earlier revision, each in its own process."""
    with tempfile.TemporaryDirectory() as cache:

        def timed(build: Build) -> float:
            with tempfile.TemporaryDirectory() as folder:
                _, *rest = command(arguments, str(Path(folder) / "sweep"))
                paths = {"folder": Path(folder), "compiled": Path(folder) / "compiled"}
                return build.seconds(*rest, "--workers=1", cache=Path(cache) / build.root.name, **paths)

        earlier = baseline(arguments.baseline)
        taken = alternate(arguments.repeats, now=lambda: timed(NOW), before=lambda: timed(earlier))
    return {
        "sweep_s": taken["now"],
        "baseline_sweep_s": taken["before"],
        "sweep_ratio": taken["now"] / taken["before"],
    }


def sweep(arguments: argparse.Namespace, workers: int, busy: dict[int, list[float]]) -> float:
    """Seconds of the whole command; append the number of busy cores to `busy`."""
    with tempfile.TemporaryDirectory() as folder:
        program, *rest = command(arguments, folder)
        begin, used = time.perf_counter(), processor_seconds()
        whole = [sys.executable, str(ROOT / program), *rest, f"--workers={workers}"]
        subprocess.run(whole, check=True, capture_output=True)
        taken = time.perf_counter() - begin
        busy[workers].append((processor_seconds() - used) / taken)
        return taken


def processor_seconds() -> float:
    """Processor time of this process's children, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_one_worker(arguments: argparse.Namespace) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        options = ["--experiment", arguments.experiment, "--epochs", str(arguments.epochs), "--run", folder]
        options += ["--speech", str(arguments.speech)] if arguments.speech else []
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        ran = subprocess.run(
            [sys.executable, __file__, *options], check=True, capture_output=True, text=True, env=environment
        )
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def inside(arguments: argparse.Namespace) -> dict[str, float]:
    """One worker in this process, with a timer around each training."""
    from aersut import cli
    from aersut.program import set_environment

    set_environment()  # before JAX is imported

    from aersut.sweep import trial
    from aersut.training import loop

    begins: list[float] = []
    firsts: list[float] = []
    ends: list[float] = []
    trained: list[float] = []
    run_trial, train, one_epoch = trial.run_trial, loop.train, loop._one_epoch

    def timed_trial(*given: Any) -> Any:
        begins.append(time.perf_counter())
        result = run_trial(*given)
        ends.append(time.perf_counter())
        return result

    def timed_train(run: Any, on_epoch: Any) -> Any:
        reporting = 0.0

        def timed(record: Any) -> None:
            nonlocal reporting
            begin = time.perf_counter()
            on_epoch(record)
            reporting += time.perf_counter() - begin

        begin = time.perf_counter()
        result = train(run, timed)
        trained.append(time.perf_counter() - begin - reporting)
        return result

    def timed_epoch(step: Any, *given: Any) -> Any:
        def timed(*state: Any) -> Any:
            result = step(*state)
            if len(firsts) < len(begins):
                float(result[1]["loss"])
                firsts.append(time.perf_counter())
            return result

        return one_epoch(timed, *given)  # type: ignore[arg-type]

    from aersut.sweep import worker

    worker.run_trial, trial.train = timed_trial, timed_train  # type: ignore[attr-defined, assignment]
    loop._one_epoch = timed_epoch  # type: ignore[assignment]
    cli._run(cli._parse([*command(arguments, arguments.run), "--workers=1"]))
    whole = ends[-1] - begins[0]
    return {
        "scheduling": 1 - sum(trained) / whole,
        "scheduling_s_per_trial": (whole - sum(trained)) / TRIALS,
        "second_start_s": firsts[1] - begins[1],
    }


if __name__ == "__main__":
    main()
