"""Plugins by name: one registry per kind, filled by decorators, entry points and the experiment's own modules."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import Generic, TypeVar

from aersut.contracts import Augmenter, Corpus, Feature, Model, Optimizer
from aersut.errors import UserError, nearest

T = TypeVar("T")
ENTRY_POINTS = "aersut.plugins"


class Registry(Generic[T]):
    """The plugins of one kind.

    Built-in plugins are imported with their package at the first look-up, third-party ones through the entry-point
    group `aersut.plugins`, so that importing a registry costs nothing.
    """

    def __init__(self, kind: str, contract: type[T], package: str) -> None:
        self.kind = kind
        self.contract = contract
        self._package = package
        self._plugins: dict[str, type[T]] = {}

    def register(self, name: str) -> Callable[[type[T]], type[T]]:
        """Return a class decorator that registers a frozen dataclass under `name`.

        Raises:
            UserError: the name is taken, or the class is not a frozen dataclass that derives from the contract.
        """

        def decorate(cls: type[T]) -> type[T]:
            where = f"{self.kind} '{name}' ({cls.__module__}.{cls.__qualname__})"
            if name in self._plugins:
                other = self._plugins[name]
                raise UserError(
                    f"{where}: the name is taken by {other.__module__}.{other.__qualname__}; choose another."
                )
            if not issubclass(cls, self.contract):
                raise UserError(f"{where}: expected a subclass of aersut.contracts.{self.contract.__name__}.")
            own = vars(cls).get("__dataclass_params__")  # not a base's, whose fields would hide this class's
            if own is None or not own.frozen:
                raise UserError(
                    f"{where}: expected a frozen dataclass; put @dataclass(frozen=True) under the decorator."
                )
            self._plugins[name] = cls
            return cls

        return decorate

    def __getitem__(self, name: str) -> type[T]:
        self._load()
        if name not in self._plugins:
            raise UserError(
                f"unknown {self.kind} '{name}'.{nearest(name, self._plugins)} Known: {', '.join(self.names())}."
            )
        return self._plugins[name]

    def names(self) -> list[str]:
        """The registered names, sorted."""
        self._load()
        return sorted(self._plugins)

    def name_of(self, plugin: T) -> str:
        """The name under which the class of `plugin` is registered."""
        for name, cls in self._plugins.items():
            if type(plugin) is cls:
                return name
        raise UserError(f"{type(plugin).__qualname__} is not a registered {self.kind}; decorate its class.")

    def summary(self, name: str) -> str:
        """The first line of the plugin's docstring."""
        return (inspect.getdoc(self[name]) or "").partition("\n")[0]

    def _load(self) -> None:
        importlib.import_module(self._package)
        _load_entry_points()


CORPORA: Registry[Corpus] = Registry("corpus", Corpus, "aersut.corpora")
FEATURES: Registry[Feature] = Registry("feature", Feature, "aersut.features")
AUGMENTERS: Registry[Augmenter] = Registry("augmenter", Augmenter, "aersut.augment")
MODELS: Registry[Model] = Registry("model", Model, "aersut.models")
OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", Optimizer, "aersut.training.optimizers")

_loaded_entry_points: set[str] = set()


_searched: list[str] = []


def _load_entry_points() -> None:
    if (
        _searched == sys.path
    ):  # reading every installed package's metadata takes longer than all else about an experiment
        return
    _searched[:] = sys.path
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        if entry.value not in _loaded_entry_points:
            _loaded_entry_points.add(entry.value)
            try:
                entry.load()
            except Exception as error:
                raise UserError(
                    f"plugin '{entry.name}' ({entry.value}) of an installed package cannot be imported: {error}. "
                    "Mend or uninstall that package."
                ) from error


def import_plugins(modules: Iterable[str]) -> None:
    """Import the modules that an experiment names in `plugins`: dotted paths, or paths of .py files.

    Raises:
        UserError: a module does not exist, or fails while it is imported.
    """
    for name in modules:
        if name.endswith(".py"):
            import_file(Path(name), "plugin module")
            continue
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))  # an installed console script lacks the working directory
        try:
            importlib.import_module(name)
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"plugin module '{name}' cannot be imported: {describe(error)}. "
                "Expected a module on the Python path, or the path of a .py file."
            ) from error


def import_file(path: Path, what: str) -> object:
    """Import the Python file at `path` once and return its module; `what` names it in the error message."""
    path = path.resolve()
    if not path.is_file():
        raise UserError(f"{what} {path} does not exist.")
    name = f"_aersut_file_{path.stem}_{abs(hash(str(path))):x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up while they are made
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UserError(f"{what} {path} cannot be imported: {describe(error)}.") from error
    return module


def describe(error: BaseException) -> str:
    """One line that names an exception raised by the user's own code and where it was raised."""
    while isinstance(error, UserError) and error.__cause__ is not None:
        error = error.__cause__
    traceback = error.__traceback__
    where = ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if "importlib" not in code.co_filename:
            where = f" ({code.co_filename}:{traceback.tb_lineno})"
        traceback = traceback.tb_next
    return f"{type(error).__name__}: {error}{where}"
