"""Find an experiment by name, path or config.json, apply the command line's overrides, and check the result."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aersut.config import REGISTRIES, Experiment, from_tree, to_tree
from aersut.errors import UserError, nearest
from aersut.registry import describe, import_file, import_plugins

_PACKAGE = Path(__file__).parent


def folders() -> list[Path]:
    """Where an experiment's name is looked up: the working directory's `experiments`, then the built-in ones."""
    builtin = _PACKAGE / "experiments"  # in a wheel; in a checkout they lie beside the package
    places = (Path("experiments"), builtin if builtin.is_dir() else _PACKAGE.parent / "experiments")
    return [place for place in places if place.is_dir()]


def names() -> dict[str, Path]:
    """The experiments that can be asked for by name, and their files."""
    found: dict[str, Path] = {}
    for folder in folders():
        for path in sorted(folder.glob("*.py")):
            if not path.stem.startswith("_"):
                found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def load(source: str | Experiment, overrides: Iterable[tuple[str, str]] = ()) -> Experiment:
    """Load an experiment and apply `overrides`, pairs of a dotted key and its value as text.

    Args:
        source: a name in `names()`, the path of a .py file with `get_config()`, or of a run's config.json; or the
            experiment itself.

    Raises:
        UserError: no such experiment, or a key or value that does not fit the schema.
    """
    tree = to_tree(source) if isinstance(source, Experiment) else _read(source)
    for key, value in overrides:
        override(tree, key, value)
    import_plugins(tree.get("plugins") or ())
    experiment = from_tree(tree)
    if experiment.name or isinstance(source, Experiment) or source.endswith(".json"):
        return experiment  # a run's config.json says everything, and a name of its own would make it another run's
    return from_tree({**to_tree(experiment), "name": Path(source).stem})


def override(tree: dict[str, Any], key: str, text: str) -> None:
    """Set one leaf of a plain tree from the command line's text; its type is checked later, by the schema.

    A comma list becomes a list where the tree holds one, "none" becomes None, and JSON is taken where it begins like
    an object or a list. `features.0.n_mfcc` reaches into a list.
    """
    *parents, last = key.split(".")
    node: Any = tree
    for depth, name in enumerate([*parents, last]):
        is_last = depth == len(parents)
        where = ".".join(["experiment", *parents[:depth]])
        if isinstance(node, list):
            if not (name.isdigit() and int(name) < len(node)):
                raise UserError(f"{where}: there is no entry '{name}'; expected a number from 0 to {len(node) - 1}.")
            index: Any = int(name)
        elif isinstance(node, dict):
            index = name
            node.setdefault(name, None if is_last else {})
        else:
            raise UserError(f"{where} has no keys of its own, so '{key}' cannot be set.")
        if is_last:
            node[index] = _parse(text, node[index])
        else:
            # a plugin that an earlier override named is still text: open it up, so that its fields can be set
            if isinstance(node[index], str):
                node[index] = _opened(node[index])
            node = node[index]


def _opened(name: str) -> dict[str, Any]:
    """The tree of a plugin with its defaults, which say where a list is meant; of its name alone where it has none."""
    plugins = [registry[name] for registry in REGISTRIES if name in registry.names()]
    try:
        (plugin,) = plugins
        return dict(to_tree(plugin()))
    except (TypeError, ValueError):
        return {"name": name}


def _parse(text: str, present: Any) -> Any:
    if text.startswith(("{", "[")):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise UserError(f"'{text}' begins like JSON but is none: {error}.") from None
    if text.lower() == "none":
        return None
    if isinstance(present, list):
        return [item.strip() for item in text.split(",") if item.strip()]
    return text


def _read(source: str) -> dict[str, Any]:
    path = Path(source)
    if path.suffix == ".json":
        return _read_json(path)
    if path.suffix != ".py":
        known = names()
        if source not in known:
            raise UserError(
                f"there is no experiment '{source}'.{nearest(source, known)} Known: {', '.join(known)}; "
                "or give the path of a .py file or of a run's config.json."
            )
        path = known[source]
    module = import_file(path, "experiment file")
    if not hasattr(module, "get_config"):
        raise UserError(f"experiment file {path} has no function get_config() that returns an Experiment.")
    try:
        experiment = module.get_config()
    except Exception as error:
        raise UserError(f"experiment file {path}: get_config() failed: {describe(error)}") from error
    if not isinstance(experiment, Experiment):
        raise UserError(
            f"experiment file {path}: get_config() must return an Experiment, got {type(experiment).__name__}."
        )
    return dict(to_tree(experiment))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise UserError(f"{path} is not the config.json of a run: {error}.") from None
    if not isinstance(tree, dict):
        raise UserError(f"{path} is not the config.json of a run: expected an object.")
    return tree
