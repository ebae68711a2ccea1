#!/usr/bin/env bash
# Believed: a library may be imported in one thread while another thread works; Python's import locks take care of it.
# Found: grain imports pyarrow inside etils' epy.lazy_imports(), which replaces builtins.__import__ for the whole process. An import
# statement that another thread executes meanwhile returns a lazy module in place of the class or function, also of modules that are
# loaded already. JAX imports inside of functions while it traces, so a jit in a thread beside `import grain` fails by chance:
# "No module named 'jax._src.hijax.HiType'; 'jax._src.hijax' is not a package". One training of five did so on a loaded machine.
# With grain imported before the thread starts, it does not happen.
# Date: 1 December 2026. Source: output of this script, grain 0.2.18 (grain/_src/python/dataset/sources/parquet_dataset.py), etils
# 1.15.0 (etils/epy/lazy_imports_utils.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check grain==0.2.18 'etils[epath,epy]==1.15.0' numpy==2.4.6
cat > "$folder/threads.py" <<'PYTHON'
import contextlib
import sys
import threading
from fractions import Fraction  # loaded before

from etils import epy

lazy_imports, entered, left = epy.lazy_imports, threading.Event(), threading.Event()


@contextlib.contextmanager
def held(*arguments, **options):
    """etils' context as it is, open until the other thread has imported; without it, the window is a few microseconds."""
    with lazy_imports(*arguments, **options) as result:
        yield result
        entered.set()
        left.wait()


def other_thread():
    entered.wait()
    from fractions import Fraction

    found.append(Fraction)
    left.set()


found = []
epy.lazy_imports = held
thread = threading.Thread(target=other_thread, daemon=True)
thread.start()
import grain  # noqa: E402

thread.join()
print("while grain is imported, another thread's `from fractions import Fraction` gives a", type(found[0]).__name__)
try:
    found[0](1, 2)
    called = "works"
except Exception as error:
    called = f"{type(error).__name__}: {error}"
print("its call:", called)
sys.exit(found[0] is Fraction)
PYTHON
timeout 60 "$folder/venv/bin/python" "$folder/threads.py" || { echo "the behaviour has changed"; exit 1; }
# Output seen:
# while grain is imported, another thread's `from fractions import Fraction` gives a LazyModule
# its call: TypeError: 'LazyModule' object is not callable
