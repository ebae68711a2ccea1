"""AERSUT: small speech emotion recognition (SER) models, trained in JAX and deployed on microcontrollers.

    recognizer = aersut.load("micro_speech")  # of the zoo, or "runs/x/export/model_int8.tflite"
    recognizer("clip.wav").emotion

    training = aersut.train(aersut.load_experiment("quickstart", epochs=5))
    evaluation = aersut.evaluate(training)
    evaluation.uar, evaluation.intervals["uar"], evaluation.confusion.plot()

Importing this package imports nothing else; each name below is imported at its first use.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aersut.api import evaluate as evaluate
    from aersut.api import export as export
    from aersut.api import load_experiment as load_experiment
    from aersut.api import report as report
    from aersut.api import show as show
    from aersut.api import sweep as sweep
    from aersut.api import train as train
    from aersut.config import Experiment as Experiment
    from aersut.errors import UserError as UserError
    from aersut.serving.recognizer import load as load

__version__ = "0.2.0"
__all__ = [
    "Experiment",
    "UserError",
    "evaluate",
    "export",
    "load",
    "load_experiment",
    "report",
    "show",
    "sweep",
    "train",
]

_MODULES = {"Experiment": "config", "UserError": "errors", "load": "serving.recognizer"}
"""The modules of the names that are not in `aersut.api`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'aersut' has no attribute '{name}'")
    try:
        module = importlib.import_module(f"aersut.{_MODULES.get(name, 'api')}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("aersut"):
            raise
        return _stand_in(
            name, f"aersut.{name} needs {error.name}, which is not installed: pip install 'aersut[train]'."
        )
    value = globals()[name] = getattr(module, name)
    return value


def _stand_in(name: str, message: str) -> type:
    """A class in place of what cannot be imported: `hasattr`, `from aersut import …` and `isinstance` work."""
    from aersut.errors import UserError

    def refuse(*_: object, **__: object) -> None:
        raise UserError(message)

    return type(name, (), {"__new__": refuse, "__doc__": message})


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    def __setattr__(self, name: str, value: object) -> None:
        # importing the package aersut.export would set this attribute, which is the function of that name; so
        # `import aersut.export.bundle as x` fails, and `from aersut.export import bundle as x` does not
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return importlib.import_module, (self.__name__,)  # cloudpickle, and so joblib, knows plain modules only


sys.modules[__name__].__class__ = _Package
