"""Suppression of the messages that Orbax and asyncio print in addition to the error that Orbax raises."""

import contextlib
import logging
import sys
import threading
from collections.abc import Callable, Iterator

_lock = threading.Lock()
_contexts = 0
_installed = contextlib.ExitStack()


@contextlib.contextmanager
def suppress_orbax_messages() -> Iterator[None]:
    """Filter the loggers "absl" and "asyncio" and `sys.unraisablehook` until the last of nested contexts is closed."""
    global _contexts
    with _lock:
        _contexts += 1
        if _contexts == 1:
            _install()
    try:
        yield
    finally:
        with _lock:
            _contexts -= 1
            if not _contexts:
                _installed.close()


def _install() -> None:
    filters: dict[str, Callable[[logging.LogRecord], bool]] = {
        # Orbax logs the traceback of a failure in the background, and raises the error at the next call
        "absl": lambda record: "orbax" not in record.pathname,
        # Orbax raises the first of the reads that fail on a damaged file; asyncio would log the others
        "asyncio": lambda record: "tensorstore_spec" not in str(record.exc_info and record.exc_info[1]),
    }
    for name, accepts in filters.items():
        logging.getLogger(name).addFilter(accepts)
        _installed.callback(logging.getLogger(name).removeFilter, accepts)
    previous = sys.unraisablehook

    def hook(problem: "sys.UnraisableHookArgs") -> None:
        # after a failed write, unfinished writes report to Orbax's event loop, which is closed
        if not (isinstance(problem.exc_value, RuntimeError) and str(problem.exc_value) == "Event loop is closed"):
            previous(problem)

    @_installed.callback
    def restore() -> None:
        if sys.unraisablehook is hook:
            sys.unraisablehook = previous

    sys.unraisablehook = hook
