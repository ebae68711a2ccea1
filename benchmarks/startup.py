"""Startup time of the command line.

    python benchmarks/startup.py [--runs 11] [--json]

Times of whole processes, alternating with two baselines: the bare interpreter (`python -c pass`), which is the lower
limit, and `python -c "import jax, flax.nnx"`, the lower limit of a launcher with all imports at the top.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

LAUNCH = str(Path(__file__).parents[1] / "launch.py")
COMMANDS = {
    "help_s": [LAUNCH, "--help"],
    "mistake_s": [LAUNCH, "--experiment=quickstart", "--workdri=x"],
    "python_s": ["-c", "pass"],
    "import_jax_s": ["-c", "import jax, flax.nnx"],
}


def seconds(arguments: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--json", action="store_true", help="print one JSON object, metric → number")
    arguments = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(arguments.runs + 1):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    results = {
        name: round(statistics.median(taken[1:]), 3) for name, taken in times.items()
    }  # the first one is a warm-up
    results["help_vs_python"] = round(results["help_s"] / results["python_s"], 1)
    results["help_vs_import_jax"] = round(results["help_s"] / results["import_jax_s"], 3)
    if arguments.json:
        print(json.dumps(results))
        return
    for name, value in results.items():
        print(f"{name:20}{value:8.3f}")


if __name__ == "__main__":
    main()
