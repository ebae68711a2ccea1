"""Suppress log messages of native libraries, except when an error occurs."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from aersut.errors import UserError


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress standard error of the block, from C++ too; print it if the block fails.

    It is not printed for a `UserError`, whose message is complete. TensorFlow and LiteRT report missing GPUs and
    delegates at every start, regardless of their log levels.
    """
    try:
        terminal = os.dup(2)
    except OSError:  # standard error is closed, so nothing is to be suppressed
        yield
        return
    _flush()
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        except UserError:
            raise
        except BaseException:
            captured.seek(0)
            os.write(terminal, captured.read())
            raise
        finally:
            _flush()
            os.dup2(terminal, 2)
            os.close(terminal)


def _flush() -> None:
    if sys.stderr is not None:  # as in a program without a console, such as pythonw.exe
        sys.stderr.flush()
