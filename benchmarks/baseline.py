"""An earlier revision as the peer of a benchmark: its own checkout with its own environment."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Build:
    """A checkout and the interpreter with the packages of its `constraints.txt`.

    Attributes:
        root: folder of the checkout.
        python: path of the interpreter.
    """

    root: Path
    python: str

    def command(self, *arguments: str) -> list[str]:
        """The command line of this build's `launch.py`."""
        return [self.python, str(self.root / "launch.py"), *arguments]

    def environment(self, cache: Path) -> dict[str, str]:
        """Environment variables of a process of this build, with its caches under `cache`."""
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        return kept | {"AERSUT_CACHE": str(cache), "TF_CPP_MIN_LOG_LEVEL": "3"}

    def start(self, *arguments: str, cache: Path) -> subprocess.Popen[str]:
        """Start `launch.py`, whose standard output can be read while it runs."""
        environment = self.environment(cache)
        return subprocess.Popen(
            self.command(*arguments), cwd=self.root, env=environment, stdout=subprocess.PIPE, text=True
        )

    def peak_memory(self, *arguments: str, cache: Path) -> float:
        """Run `launch.py` and return its peak resident memory in MB; exit if it fails."""
        with self.start(*arguments, cache=cache) as process:
            assert process.stdout is not None
            process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{' '.join(self.command(*arguments))} failed")
        return usage.ru_maxrss / 1000

    def launch(self, *arguments: str, cache: Path) -> str:
        """Run `launch.py` and return its output; exit with its error if it fails."""
        environment = self.environment(cache)
        done = subprocess.run(
            self.command(*arguments), cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{' '.join(self.command(*arguments))} failed:\n{done.stderr}")
        return done.stdout

    def seconds(self, *arguments: str, cache: Path, folder: Path, compiled: Path | None = None) -> float:
        """Run `launch.py` in a folder and return the seconds that it takes; exit with its error if it fails.

        Args:
            compiled: folder of compiled functions; by default under `cache`.
        """
        environment = self.environment(cache)
        if compiled is not None:
            environment["JAX_COMPILATION_CACHE_DIR"] = str(compiled)
        begin = time.perf_counter()
        command = self.command(*arguments)
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        return time.perf_counter() - begin


NOW = Build(ROOT, sys.executable)
"""This checkout, with the interpreter that runs the benchmark."""


def both_builds(revision: str | None) -> dict[str, Build]:
    """This checkout under "", and the one of an earlier revision, if there is one, under "_baseline"."""
    return {"": NOW} | ({"_baseline": baseline(revision)} if revision else {})


def with_ratios(metrics: dict[str, float]) -> dict[str, float]:
    """Add NAME_ratio, now / baseline, for each metric NAME_UNIT that has a NAME_baseline_UNIT."""
    pairs = [(name, name.replace("_baseline_", "_")) for name in metrics if "_baseline_" in name]
    return metrics | {f"{now.rpartition('_')[0]}_ratio": metrics[now] / metrics[before] for before, now in pairs}


def baseline(revision: str) -> Build:
    """Check out a revision and install it, in a temporary folder that later calls use again.

    It exits with status 2 if the revision is not known.
    """
    parsed = ["git", "-C", str(ROOT), "rev-parse", "--verify", "--quiet", "--short=12", f"{revision}^{{commit}}"]
    digest = subprocess.run(parsed, capture_output=True, text=True, check=False).stdout.strip()
    if not digest:
        print(f"--baseline={revision}: no such revision in {ROOT}", file=sys.stderr)
        sys.exit(2)
    folder = Path(tempfile.gettempdir()) / f"aersut-baseline-{digest}"
    build = Build(folder / "source", str(folder / "venv" / "bin" / "python"))
    complete = folder / "complete"
    if not complete.exists():
        print(f"installing revision {digest} in {folder}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        _run("git", "clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(build.root))
        _run("git", "-C", str(build.root), "checkout", "--quiet", "--detach", digest)
        _run(sys.executable, "-m", "venv", str(folder / "venv"))
        constraints = str(build.root / "constraints.txt")
        _run(build.python, "-m", "pip", "install", "--quiet", "-c", constraints, "-e", f"{build.root}[all]")
        complete.touch()
    return build


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
