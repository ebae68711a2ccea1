"""Time of a cross-validation with several seeds, and of a student whose teacher is trained already.

    python benchmarks/cross_validation.py [--speech FOLDER] [--baseline 301546a] [--repeats 1] [--json]

On RAVDESS with --speech: `micro_ravdess`. Otherwise on synthetic speech: `quickstart` with a small teacher. Both
revisions run in turn through the command line, with decoded audio and features in their caches. The results are
medians.

cross_validation_s is the time of all folds with seeds 0, 1 and 2 at --epochs: one command with one process per core. An
earlier revision runs one command per seed, one after the other. Each starts with an empty folder of compiled functions.
throughput_ratio is the earlier time divided by this one.

student_s is the time of a student at --student-epochs after another student of the same teacher was trained, with
compiled functions in the cache. student_ratio is this time divided by the earlier one.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from baseline import NOW, Build, baseline
from common import alternate

SEEDS = (0, 1, 2)
TEACHER = {"name": "cnn", "filters": [64, 64, 64], "kernels": [5, 3, 3], "dense": 256}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, metavar="FOLDER", help="a data root with RAVDESS")
    parser.add_argument("--baseline", metavar="REVISION", help="compare with this earlier revision")
    parser.add_argument("--epochs", type=int, default=8, help="of each run of the cross-validation")
    parser.add_argument("--student-epochs", type=int, default=40, help="of teacher and student")
    parser.add_argument("--part", choices=("all", "cross_validation", "student"), default="all")
    parser.add_argument("--repeats", type=int, default=1, help="1 or more")
    parser.add_argument("--json", action="store_true", help="print one JSON object: metric name → number")
    arguments = parser.parse_args()
    builds = {"": NOW} | ({"baseline_": baseline(arguments.baseline)} if arguments.baseline else {})
    metrics: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, part in (("cross_validation", measure_cross_validation), ("student", measure_student)):
            if arguments.part in ("all", name):
                metrics |= part(arguments, builds, Path(folder))
    if arguments.json:
        print(json.dumps(metrics))
        return
    for name, value in metrics.items():
        print(f"{name:30}{value:10.3f}")


def experiment(arguments: argparse.Namespace, epochs: int) -> list[str]:
    """The flags that select the experiment."""
    flags = [f"--experiment.epochs={epochs}"]
    if arguments.speech:
        return ["--experiment=micro_ravdess", f"--experiment.data.root={arguments.speech.absolute()}", *flags]
    return ["--experiment=quickstart", f"--experiment.teacher={json.dumps(TEACHER)}", *flags]


def measure_cross_validation(arguments: argparse.Namespace, builds: dict[str, Build], folder: Path) -> dict[str, float]:
    flags = ["--mode=evaluate", "--folds=all", *experiment(arguments, arguments.epochs)]

    def timed(prefix: str, build: Build) -> float:
        place = folder / "folds"
        place.mkdir()
        paths = {"cache": folder / f"{prefix}cache", "folder": place, "compiled": place / "compiled"}
        if build is NOW:
            taken = build.seconds(*flags, f"--seeds={','.join(map(str, SEEDS))}", **paths)
        else:
            taken = sum(build.seconds(*flags, f"--experiment.seed={seed}", **paths) for seed in SEEDS)
        shutil.rmtree(place)
        return taken

    for prefix, build in builds.items():  # decoded audio and features
        # in a folder of its own: the run of another build with the same configuration would count as done
        train = ["--mode=train", *experiment(arguments, 1), "--experiment.teacher=none", f"--workdir={prefix}warm"]
        build.seconds(*train, cache=folder / f"{prefix}cache", folder=folder)
    taken: dict[str, list[float]] = {prefix: [] for prefix in builds}
    for _ in range(arguments.repeats):
        for prefix, build in builds.items():
            taken[prefix].append(timed(prefix, build))
            print(f"{prefix}cross_validation_s {taken[prefix][-1]:.1f}", file=sys.stderr)
    found = {f"{prefix}cross_validation_s": statistics.median(values) for prefix, values in taken.items()}
    if arguments.baseline:
        found["throughput_ratio"] = found["baseline_cross_validation_s"] / found["cross_validation_s"]
    return found


def measure_student(arguments: argparse.Namespace, builds: dict[str, Build], folder: Path) -> dict[str, float]:
    flags = ["--mode=train", *experiment(arguments, arguments.student_epochs)]

    def timed(prefix: str, build: Build) -> float:
        """The time of a student with another dropout."""
        place = folder / f"{prefix}student"
        other = [*flags, "--experiment.model.dropout=0.25", "--workdir=other"]
        taken = build.seconds(*other, cache=folder / f"{prefix}cache", folder=place)
        shutil.rmtree(place / "other")
        return taken

    for prefix, build in builds.items():
        (folder / f"{prefix}student").mkdir()
        build.seconds(*flags, cache=folder / f"{prefix}cache", folder=folder / f"{prefix}student")
    ways = {f"{prefix}student_s": lambda p=prefix, b=build: timed(p, b) for prefix, build in builds.items()}
    found = alternate(arguments.repeats, **ways)
    if arguments.baseline:
        found["student_ratio"] = found["student_s"] / found["baseline_student_s"]
    return found


if __name__ == "__main__":
    main()
