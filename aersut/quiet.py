"""Keep the chatter of native libraries off the terminal, without losing it when something fails."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from aersut.errors import UserError


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back what the block writes to standard error, from C++ too; show it when the block fails.

    A `UserError` says all that there is to say by itself. TensorFlow and LiteRT tell of GPUs that are not there and of
    delegates on every start, past their own log levels.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        terminal = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except UserError:
            raise
        except BaseException:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
