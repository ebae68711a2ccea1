"""An experiment as the Python file that makes it, for `experiments/`."""

import dataclasses
from typing import Any

from aersut.config import REGISTRIES, Experiment

WIDTH = 110


def experiment_file(experiment: Experiment, about: str) -> str:
    """The text of a file whose `get_config()` returns `experiment`; only what differs from the defaults is in it.

    Plugins of the user's own are named by their registry, since their module may be a file.

    Args:
        about: the docstring.
    """
    imports: set[tuple[str, str]] = set()
    body = _source(dataclasses.replace(experiment, name=""), imports, 4)
    lines = [f'"""{about.strip()}\n"""', ""]
    imports.add(("aersut.config", "Experiment"))
    if experiment.plugins:
        imports.add(("aersut.registry", "import_plugins"))
    modules: dict[str, list[str]] = {}
    for module, name in sorted(imports):
        modules.setdefault(module, []).append(name)
    lines += [f"from {module} import {', '.join(names)}" for module, names in modules.items()]
    lines += ["", "", "def get_config() -> Experiment:"]
    if experiment.plugins:
        lines.append(f"    import_plugins({experiment.plugins!r})")
    lines += [f"    return {body}", ""]
    return "\n".join(lines)


def _source(value: Any, imports: set[tuple[str, str]], indent: int) -> str:
    if isinstance(value, tuple):
        return _call("", [_source(item, imports, indent + 4) for item in value], indent, one=len(value) == 1)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return repr(value)
    arguments = [
        f"{field.name}={_source(getattr(value, field.name), imports, indent + 4)}"
        for field in dataclasses.fields(value)
        if not _is_default(field, getattr(value, field.name))
    ]
    return _call(_name(value, imports), arguments, indent)


def _name(value: Any, imports: set[tuple[str, str]]) -> str:
    cls = type(value)
    if cls.__module__.partition(".")[0] == "aersut":
        imports.add((cls.__module__, cls.__name__))
        return str(cls.__name__)
    (registry,) = (one for one in REGISTRIES if isinstance(value, one.contract))
    (constant,) = (name for name, one in vars(_registries()).items() if one is registry)
    imports.add(("aersut.registry", constant))
    return f"{constant}[{registry.name_of(value)!r}]"


def _registries() -> Any:
    from aersut import registry

    return registry


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    if field.default is not dataclasses.MISSING:
        return bool(field.default == value and type(field.default) is type(value))
    return field.default_factory is not dataclasses.MISSING and bool(field.default_factory() == value)


def _call(name: str, arguments: list[str], indent: int, one: bool = False) -> str:
    text = f"{name}({', '.join(arguments)}{',' if one else ''})"
    if len(text) + indent <= WIDTH and "\n" not in text and name != "Experiment":
        return text
    inner, outer = " " * (indent + 4), " " * indent
    return f"{name}(\n" + "".join(f"{inner}{argument},\n" for argument in arguments) + f"{outer})"
