"""Registries of plugins by name, one per kind: built-in, from entry points and from an experiment's own modules."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Generic, TypeVar

from aersut.contracts import Augmenter, Condition, Corpus, Encoder, Feature, Model, Optimizer, Target
from aersut.errors import UserError, nearest
from aersut.paths import expanded

T = TypeVar("T")
ENTRY_POINTS = "aersut.plugins"


def is_frozen_dataclass(cls: type) -> bool:
    """Return whether a class is itself a frozen dataclass; an inherited dataclass would ignore the fields of `cls`."""
    parameters = vars(cls).get("__dataclass_params__")
    return parameters is not None and parameters.frozen


class Registry(Generic[T]):
    """The plugin classes of one kind, by name.

    The first look-up imports the built-in plugins (`package`) and the third-party ones (entry-point group
    `aersut.plugins`). Importing a registry therefore imports no plugin.
    """

    def __init__(self, kind: str, contract: type[T], package: str) -> None:
        self.kind = kind
        self.contract = contract
        self._package = package
        self._plugins: dict[str, type[T]] = {}

    def register(self, name: str) -> Callable[[type[T]], type[T]]:
        """Return a class decorator that registers a frozen dataclass under `name`.

        A new definition of the same class (a notebook cell that runs again) replaces the earlier one.

        Raises:
            UserError: another class has the name, or the class is not a frozen dataclass derived from the contract.
        """

        def decorate(cls: type[T]) -> type[T]:
            path = f"{cls.__module__}.{cls.__qualname__}"
            where = f"{self.kind} '{name}' ({path})"
            if (other := self._plugins.get(name)) and (taken := f"{other.__module__}.{other.__qualname__}") != path:
                raise UserError(f"{where}: the name is taken by {taken}; choose another name.")
            if not issubclass(cls, self.contract):
                raise UserError(f"{where}: expected a subclass of aersut.contracts.{self.contract.__name__}.")
            if not is_frozen_dataclass(cls):
                raise UserError(
                    f"{where}: expected a frozen dataclass; put @dataclass(frozen=True) under the decorator."
                )
            if hidden := [one.name for one in fields(cls) if isinstance(one.default, property)]:  # type: ignore[arg-type]
                raise UserError(f"{where}: field '{hidden[0]}' replaces a property of the contract; give it a default.")
            if "name" in {one.name for one in fields(cls)}:  # type: ignore[arg-type]
                raise UserError(f"{where}: field 'name' is that of the plugin in a configuration; rename the field.")
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
        """Return the registered names, sorted."""
        self._load()
        return sorted(self._plugins)

    def name_of(self, plugin: T) -> str:
        """Return the name under which the class of `plugin` is registered."""
        for name, cls in self._plugins.items():
            if type(plugin) is cls:
                return name
        raise UserError(
            f"{type(plugin).__qualname__} is not a registered {self.kind}; decorate its class with @register, "
            "or create the object again if its class has been redefined."
        )

    def summary(self, name: str) -> str:
        """Return the first line of the plugin's docstring."""
        return (inspect.getdoc(self[name]) or "").partition("\n")[0]

    def _load(self) -> None:
        importlib.import_module(self._package)
        _load_entry_points()


CORPORA: Registry[Corpus] = Registry("corpus", Corpus, "aersut.corpora")
FEATURES: Registry[Feature] = Registry("feature", Feature, "aersut.features")
AUGMENTERS: Registry[Augmenter] = Registry("augmenter", Augmenter, "aersut.augment")
ENCODERS: Registry[Encoder] = Registry("encoder", Encoder, "aersut.encoders")
MODELS: Registry[Model] = Registry("model", Model, "aersut.models")
OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", Optimizer, "aersut.training.optimizers")
CONDITIONS: Registry[Condition] = Registry("stress condition", Condition, "aersut.stress")
TARGETS: Registry[Target] = Registry("target", Target, "aersut.export.targets")

_loaded_entry_points: set[str] = set()
_searched_path: list[str] = []


def _load_entry_points() -> None:
    if _searched_path == sys.path:
        return  # reading the metadata of all installed packages is slower than the rest of loading an experiment
    _searched_path[:] = sys.path
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        if entry.value in _loaded_entry_points:
            continue
        _loaded_entry_points.add(entry.value)  # before loading: the module itself may look plugins up
        try:
            entry.load()
        except Exception as error:
            _loaded_entry_points.remove(entry.value)  # the next look-up loads it, and reports the error, again
            _searched_path.clear()
            raise UserError(
                f"plugin '{entry.name}' ({entry.value}) of an installed package cannot be imported: {error}. "
                "Fix or uninstall that package."
            ) from error


PLUGIN_MODULE = "plugin module"
"""What errors call a module that registers plugins."""


def import_plugins(modules: Iterable[str]) -> None:
    """Import the plugin modules of an experiment: dotted module names, or paths of .py files."""
    for name in modules:
        if name.endswith(".py"):
            import_file(expanded(name), PLUGIN_MODULE)
            continue
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))  # which an installed console script does not search
        try:
            importlib.import_module(name)
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"plugin module '{name}' cannot be imported: {describe_error(error)}. "
                "Expected a module on the Python path, or the path of a .py file."
            ) from error


def import_file(path: Path, what: str) -> object:
    """Import the Python file at `path` once per process and return its module; `what` names the file in errors."""
    path = path.resolve()
    if not path.is_file():
        remedy = (
            " A relative path is searched for in the working directory: change to that in which the run was started, "
            "or name the file by --experiment.plugins=FILE.py."
        )
        remedy = remedy if what == PLUGIN_MODULE else ""
        raise UserError(f"{what} {path} does not exist. Expected the path of a .py file.{remedy}")
    name = f"_aersut_file_{path.stem}_{abs(hash(str(path))):x}"
    if name in sys.modules:
        return sys.modules[name]
    if loaded := next((one for one in [*sys.modules.values()] if _is_file(one, path)), None):
        return loaded  # also under another name: its plugins must not be registered twice
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # `dataclass` looks up the module of a class
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        remedy, file = "", f"{error.name}.py" if isinstance(error, ModuleNotFoundError) else ""
        if file and path.with_name(file).is_file():
            remedy = (
                f" {file} is not on the Python path. Name it in the plugins of the experiment, and its classes by "
                f'their names: aersut.load_experiment(…, plugins=["{file}"], features="mfcc,NAME").'
            )
        raise UserError(f"{what} {path} cannot be imported: {describe_error(error)}.{remedy}") from error
    return module


def _is_file(module: object, path: Path) -> bool:
    try:
        file = object.__getattribute__(module, "__dict__").get("__file__")  # plain attributes would load lazy modules
    except AttributeError:
        return False
    return isinstance(file, str) and Path(file).name == path.name and Path(file).resolve() == path


def call_in_file(path: Path, what: str, function: str, expected: type[T]) -> T:
    """Import the Python file at `path`, call its function and return the result; `what` names the file in errors."""
    module, wanted = import_file(path, what), f"an object of class {expected.__name__}"
    if not hasattr(module, function):
        raise UserError(f"{what} {path} has no function {function}() that returns {wanted}.")
    try:
        result = getattr(module, function)()
    except Exception as error:
        raise UserError(f"{what} {path}: {function}() failed: {describe_error(error)}") from error
    if not isinstance(result, expected):
        raise UserError(f"{what} {path}: {function}() must return {wanted}, got {type(result).__name__}.")
    return result


def describe_error(error: BaseException) -> str:
    """Return one line on an exception that the user's code raised: type, message, file and line."""
    while isinstance(error, UserError) and error.__cause__ is not None:
        error = error.__cause__
    traceback = error.__traceback__
    where = ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if "importlib" not in code.co_filename and code.co_filename != __file__:
            where = f" ({code.co_filename}:{traceback.tb_lineno})"
        traceback = traceback.tb_next
    return f"{type(error).__name__}: {error}{where}"
