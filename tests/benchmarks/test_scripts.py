"""Every benchmark prints its help without its peers, and names a peer that is not installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = sorted(path.name for path in BENCHMARKS.glob("*.py") if "def main()" in path.read_text(encoding="utf-8"))
PEERS = {
    "data.py": ("librosa", "--speech=."),
    "evaluation.py": ("sklearn",),
    "frontend.py": ("audiomentations", "--speech=."),
    "parity.py": ("librosa", "--speech=."),
    "recipe_step.py": ("keras", "--peers=keras"),
    "robustness.py": ("pymicro_features", "--speech=.", "--noise=."),
    "serving.py": ("websockets", "--model=model.tflite", "--speech=."),
    "web.py": ("playwright", "--run=."),
}
"""A peer of each script that has some, and the flags that the script needs."""
WITHOUT_PEERS = """
import os, sys

class Hidden:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, *rest):
        return None if name in os.environ["HIDDEN"].split(",") else self.finder.find_spec(name, *rest)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Hidden(finder) for finder in sys.meta_path]
"""


def run(folder: Path, script: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run a script in an interpreter that does not find the peers."""
    (folder / "sitecustomize.py").write_text(WITHOUT_PEERS)
    path = os.pathsep.join([str(folder), str(BENCHMARKS), str(BENCHMARKS.parent)])
    hidden = ",".join({"torch", "playwright"} | {peer for peer, *_ in PEERS.values()})
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *flags],
        env={**os.environ, "PYTHONPATH": path, "HIDDEN": hidden},
        capture_output=True,
        text=True,
        check=False,
    )


HELP = """
import contextlib, io, json, runpy, sys

printed = {}
for script in sys.argv[1:]:
    sys.argv = [script, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as text:
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as ended:
            printed[script] = f"{ended.code} {text.getvalue()}"
print(json.dumps(printed))
"""


def test_help_needs_no_peer(tmp_path: Path) -> None:
    """In one interpreter, since each would take seconds to import JAX."""
    (tmp_path / "help.py").write_text(HELP)
    scripts = [str(BENCHMARKS / script) for script in SCRIPTS]
    done = run(tmp_path, str(tmp_path / "help.py"), *scripts)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert [script for script in scripts if not printed.get(script, "").startswith("0 usage:")] == []


@pytest.mark.parametrize("script", PEERS)
def test_names_the_peer_that_is_missing(script: str, tmp_path: Path) -> None:
    peer, *flags = PEERS[script]
    done = run(tmp_path, script, *flags)
    assert done.returncode == 2, done.stderr
    assert "missing: " in done.stderr
    assert peer in done.stderr
    assert "Traceback" not in done.stderr
