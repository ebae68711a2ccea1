"""Duration and memory of the stress evaluation of 240 clips, relative to a plain evaluation of the same clips.

    python benchmarks/stress.py [--speech FOLDER] [--repeats 3] [--json]

The network of the quick start is trained for one epoch in a temporary folder. The clips are evenly spaced recordings
of RAVDESS under the data root `--speech`, or synthetic speech. evaluate_s is the duration of `--mode=evaluate` on them
in its own process, stress_s with `--stress`; both decode the clips and compute their features, since the audio store
and the features cache are deleted before, but find compiled functions. conditions_7_mb and conditions_28_mb are the
peak memory of a process that evaluates 7 and all 28 conditions, clips_480_mb that for twice the clips.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import alternate

ROOT = Path(__file__).parents[1]
CLIPS = 240
PEAK = """
import resource
import sys
from pathlib import Path

import numpy as np

from aersut.corpora import Ravdess
from aersut.evaluation.stress import stress_report
from aersut.run_folder import open_run
from aersut.stress import STANDARD
from aersut.training.trained import load_trained

trained, clips = load_trained(open_run(Path(sys.argv[1]))), Ravdess().load(Path(sys.argv[2])).clips * int(sys.argv[4])
labels = np.array([trained.experiment.data.emotions.index(clip.emotion) for clip in clips])
stress_report(trained, clips, labels, STANDARD[:: int(sys.argv[3])])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, help="a data root with RAVDESS")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object: name → number")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Path(folder), arguments.speech, arguments.repeats)
    if arguments.json:
        print(json.dumps(results))
        return
    for name, value in results.items():
        print(f"{name:16}{value:10,.2f}")


def measure(folder: Path, speech: Path | None, repeats: int) -> dict[str, float]:
    """The results by name; `folder` is empty."""
    run, root = folder / "run", folder / "speech"
    os.environ["AERSUT_CACHE"] = str(folder / "cache")
    write_clips(root, speech)
    launch("--mode=train", "--experiment=quickstart", "--experiment.epochs=1", f"--workdir={run}")
    evaluate = ("--mode=evaluate", f"--workdir={run}", f"--evaluate.root={root}", "--evaluate.corpora=ravdess")
    results = alternate(
        repeats,
        evaluate_s=lambda: launch(*evaluate, cold=True),
        stress_s=lambda: launch(*evaluate, "--stress", cold=True),
    )
    results["ratio"] = results["stress_s"] / results["evaluate_s"]
    peaks = {"conditions_7_mb": (4, 1), "conditions_28_mb": (1, 1), "clips_480_mb": (1, 2)}
    return results | {name: peak_mb(run, root, *sizes) for name, sizes in peaks.items()}


def write_clips(root: Path, speech: Path | None) -> None:
    """Write 240 clips in RAVDESS's layout."""
    from aersut.corpora import Ravdess, Synthetic

    if speech is None:
        Synthetic(speakers=10, repetitions=CLIPS // 80, seed=1).write(root, "ravdess")
        return
    clips = Ravdess().load(speech).clips
    for row in np.linspace(0, len(clips) - 1, CLIPS).astype(int):
        copy = root / clips[row].path.relative_to(speech)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clips[row].path, copy)


def launch(*arguments: str, cold: bool = False) -> float:
    """Duration of a command in seconds; `cold` deletes audio store and features cache before."""
    for name in ("store", "features") if cold else ():
        shutil.rmtree(Path(os.environ["AERSUT_CACHE"]) / name)
    begin = time.perf_counter()
    python("launch.py", *arguments)
    return time.perf_counter() - begin


def peak_mb(run: Path, root: Path, every: int, repeats: int) -> float:
    """Peak memory in MB of a stress evaluation under every n-th condition, on the clips `repeats` times."""
    return float(python("-c", PEAK, str(run), str(root), str(every), str(repeats)))


def python(*arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
