"""How long the command line takes to answer.

    python benchmarks/startup.py [--runs 11] [--json]

Whole processes, alternating with two peers: the bare interpreter (`python -c pass`), which nothing can be under, and
`python -c "import jax, flax.nnx"`, which a launcher that imports what it needs at the top cannot be under.
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
    parser.add_argument("--json", action="store_true", help="one object, figure name → number")
    arguments = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(arguments.runs + 1):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    figures = {name: round(statistics.median(taken[1:]), 3) for name, taken in times.items()}  # the first one warms up
    figures["help_vs_python"] = round(figures["help_s"] / figures["python_s"], 1)
    figures["help_vs_import_jax"] = round(figures["help_s"] / figures["import_jax_s"], 3)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:20}{value:8.3f}")


if __name__ == "__main__":
    main()
