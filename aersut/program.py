"""How this program was started, for the commands that it prints, and the environment of the libraries that it uses."""

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from aersut.paths import cache_dir


def program() -> str:
    """The command that started this process: `aersut` for the console script, else `python launch.py`."""
    return "aersut" if Path(sys.argv[0]).stem == "aersut" else "python launch.py"


def set_environment() -> None:
    """Set environment variables that JAX and TensorFlow read at their import, unless the user has set them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # one folder per machine, since code that is compiled for one CPU may not run on another
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_dir() / "jax" / platform.node()))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")


def piped(run: Callable[[], int]) -> int:
    """Call a function that prints, and return its exit status, or 141 if the reader of the output, as `head`, ended."""
    try:
        status = run()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python would report it again when it flushes
        return 141
    return status
