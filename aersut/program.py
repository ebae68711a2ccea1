"""How this program was started, for the commands that it prints, and the environment of the libraries that it uses."""

import codecs
import contextlib
import errno
import io
import os
import platform
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

from aersut.errors import UserError
from aersut.paths import cache_dir

ASCII = {"–": "-", "−": "-", "…": "...", "→": "->", "×": "x", "±": "+-", "≥": ">=", "≤": "<=", "µ": "u"}
"""What is printed for characters of ours where the encoding of the output lacks them."""


def program() -> str:
    """The command that started this process: `aersut` for the console script, else `python launch.py`."""
    return "aersut" if Path(sys.argv[0]).stem == "aersut" else "python launch.py"


def set_environment() -> None:
    """Set environment variables that JAX and TensorFlow read at their import, unless the user has set them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with contextlib.suppress(UserError):  # without a home folder, whatever needs the cache names the remedy
        # one folder per machine, since code that is compiled for one CPU may not run on another
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_dir() / "jax" / platform.node()))
    # in a folder that cannot be written, JAX compiles again; it would print a warning for each function
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache", UserWarning)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")


def unusable_platform() -> str | None:
    """The error message if JAX, when it is imported, cannot use the platform of JAX_PLATFORMS; None otherwise."""
    platforms = os.environ.get("JAX_PLATFORMS")
    jax = sys.modules.get("jax")
    if not platforms or jax is None:
        return None
    try:
        jax.devices()
        return None
    except (RuntimeError, AssertionError) as error:  # the latter, without a message, for cuda without a GPU
        reason = str(error).partition(" (set JAX_PLATFORMS")[0].rstrip(".")
        return (
            f"JAX cannot use JAX_PLATFORMS={platforms}{f': {reason}' if reason else ''}. Unset the variable for a "
            "device that is there, or install JAX for that platform."
        )


def unusable_file(error: OSError) -> str | None:
    """The error message for a full disk or a missing permission, which any file access may meet; None for others."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" of {error.filename}" if error.filename else ""
        remedy = "Finished work is kept. Free disk space, and run the same command again."
        return f"no space is left on the disk{where}. {remedy}"
    if error.errno == errno.ENAMETOOLONG:
        return f"{str(error.filename)[:100]} … cannot be a path: {error.strerror}. Choose a shorter one."
    refused = (errno.EISDIR, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
    if error.errno in refused and isinstance(error.filename, str):
        cached = False
        with contextlib.suppress(UserError):  # no home folder
            cached = Path(error.filename).absolute().is_relative_to(cache_dir().absolute())
        remedy = "Set AERSUT_CACHE to a writable folder." if cached else "Change its permissions, or choose another."
        return f"{error.filename} cannot be used: {error.strerror}. {remedy}"
    return None


def piped(run: Callable[[], int]) -> int:
    """Call a function that prints, and return its exit status, or 141 if the reader of the output, as `head`, ended."""
    try:
        status = run()
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()  # Python would report it again when it flushes
        return 141
    return status


def discard_output() -> None:
    """Send what is still to be written to a stream that cannot be written to the null device."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
            continue
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def repair_standard_streams() -> None:
    """Make print() safe: missing standard streams discard their text, and characters without an encoding are escaped.

    A service or pythonw.exe starts without standard streams. On Windows, output to a file or a pipe has the encoding of
    the system's code page.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # the lowest free file descriptor is the missing one, so no other file can get it
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123
    codecs.register_error("aersut", _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape", "backslashreplace"):
            stream.reconfigure(errors="aersut")


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    """The error handler of the output: `ASCII`, else a backslash and the code point."""
    if isinstance(error, UnicodeEncodeError) and (text := ASCII.get(error.object[error.start])):
        return text, error.start + 1
    return codecs.backslashreplace_errors(error)
