"""The exception for mistakes of the user."""

import contextlib
import difflib
import importlib.util
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

EXTRAS = {
    "train": (
        *("jax", "flax", "optax", "pydantic", "array_record", "filelock", "grain", "orbax", "requests", "scipy"),
        *("tensorboardX", "xxhash"),
    ),
    "export": ("tensorflow", "tf_keras", "ai_edge_quantizer"),
    "report": ("matplotlib", "jinja2"),
    "sweep": ("optuna",),
    "monitor": ("starlette", "uvicorn", "websockets"),
}
"""The modules that each extra of the package installs, without those of the extras that it contains."""


class UserError(ValueError):
    """An error that the user can fix. The message states what is wrong, what is expected, and what to do.

    The command line prints it without a traceback and exits with status 2. A notebook shows the caller's line
    in place of a traceback.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython prints: the line of the caller, and the message."""
        package = str(Path(__file__).parent)
        frames = traceback.extract_tb(self.__traceback__)
        own = next((index for index, frame in enumerate(frames) if frame.filename.startswith(package)), len(frames))
        line = [f"line {frames[own - 1].lineno}: {frames[own - 1].line}"] if own else []
        return [*line, f"{type(self).__name__}: {self}"]


class CacheError(UserError):
    """The cache cannot be used, whatever data are asked for."""


def nearest(word: str, known: Iterable[str], similarity: float = 0.6) -> str:
    """Return " Did you mean 'x'?" for the most similar known word, or "" if none is similar.

    Cases do not matter.

    Args:
        similarity: the least one, 0 to 1, as of `difflib`.
    """
    words = {name.lower(): name for name in known}
    matches = difflib.get_close_matches(word.lower(), words, n=1, cutoff=similarity)
    return f" Did you mean '{words[matches[0]]}'?" if matches else ""


def missing_extras(extras: Iterable[str]) -> dict[str, str]:
    """The extras of which a module is not installed, each with the first such module."""
    absent = {
        extra: [module for module in EXTRAS[extra] if importlib.util.find_spec(module) is None] for extra in extras
    }
    return {extra: modules[0] for extra, modules in absent.items() if modules}


def require(what: str, extra: str, *modules: str) -> None:
    """Raise `UserError` if one of the modules, which an extra installs, is missing: "WHAT need(s) MODULE"."""
    if missing := [module for module in modules if importlib.util.find_spec(module) is None]:
        raise UserError(f"{what} {missing[0]}: pip install 'aersut[{extra}]'.")


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise `KeyboardInterrupt` for an error that a library made of one.

    JAX compares the arguments of a compiled function by their own methods, and raises a ValueError where one raises.
    """
    try:
        yield
    except Exception as error:
        cause = error.__cause__ or error.__context__
        while cause and not isinstance(cause, KeyboardInterrupt):
            cause = cause.__cause__ or cause.__context__
        if cause:
            raise KeyboardInterrupt from error
        raise
