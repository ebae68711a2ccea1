"""Imports that would disturb the threads of a training."""

import subprocess
import sys
from pathlib import Path

TINY = Path(__file__).parents[1] / "tiny.py"
SCRIPT = """
import contextlib, sys, threading
from etils import epy

lazy_imports, found = epy.lazy_imports, []

@contextlib.contextmanager
def noted(*arguments, **options):
    found.append(threading.active_count())
    with lazy_imports(*arguments, **options) as result:
        yield result

epy.lazy_imports = noted
import aersut

aersut.train(aersut.load_experiment(sys.argv[1], epochs=1))
print("threads:", found)
"""


def test_grain_is_imported_before_the_threads_that_trace(tmp_path):
    """While it is imported, all imports of the process are lazy ones, and a trace gets modules in place of classes."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(TINY)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "threads: [1]" in ran.stdout
