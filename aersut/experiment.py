"""Load an experiment by name, path or config.json, apply overrides, and validate the result."""

import json
import numbers
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aersut import initial
from aersut.config import Experiment, from_tree
from aersut.errors import UserError, nearest
from aersut.labels import EMOTIONS, misspelt
from aersut.paths import expanded
from aersut.registry import FEATURES, call_in_file, import_plugins
from aersut.tree import REGISTRIES, differences, to_tree

_PACKAGE = Path(__file__).parent
_INPUTS = ("framing", "features", "scaling")
"""What initial weights were trained with, and cannot be used without."""


def experiment_folders() -> list[Path]:
    """Folders that are searched for experiments: `experiments` in the working directory, then the built-in folder."""
    builtin = _PACKAGE / "experiments"  # in a wheel; in a checkout, the folder is next to the package
    folders = (Path("experiments"), builtin if builtin.is_dir() else _PACKAGE.parent / "experiments")
    return [folder for folder in folders if folder.is_dir()]


def experiment_names() -> dict[str, Path]:
    """The file of each experiment by name."""
    found: dict[str, Path] = {}
    for folder in experiment_folders():
        for path in folder.glob("[!_]*.py"):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def load_experiment(source: str | Experiment, overrides: Iterable[tuple[str, Any]] = ()) -> Experiment:
    """Load an experiment and apply overrides.

    Args:
        source: a name in `experiment_names()`, a .py file with `get_config()`, a config.json, or an experiment.
        overrides: pairs of a dotted key and its value: text as on the command line, or an object (number, None, list,
            plugin). "init.model" takes framing, features, scaling, network and `data.trim_db` from that model; further
            overrides may change what does not contradict its weights.

    Raises:
        UserError: an unknown experiment, or an invalid key or value; there are no such initial weights, or they were
            trained with another audio frontend.

    >>> load_experiment(Experiment(), [("optimizer.learning_rate", "3e-4")]).optimizer.learning_rate
    0.0003
    """
    tree = to_tree(source) if isinstance(source, Experiment) else _read(source)
    given: dict[str, list[tuple[str, Any]]] = {"plugins": [], "init": [], "": []}
    for key, value in overrides:
        of = key.split(".")[0]
        given[of if of in given else ""].append((key, value))
    tree.setdefault("plugins", [])
    for key, value in given["plugins"]:
        override(tree, key, value)
    _import_plugins(tree)  # before an override names one of their classes, whose defaults show which keys are lists
    model = _take_initial(tree, given["init"])
    # they may change what comes with the weights; a plugin is set before its fields, in whatever order they are given
    for key, value in sorted(given[""], key=lambda pair: pair[0].count(".")):
        override(tree, key, value)
    experiment = from_tree(tree)
    for emotion in experiment.data.emotions:
        if similar := misspelt(emotion):
            raise UserError(
                f"experiment.data: unknown emotion '{emotion}'. Did you mean '{similar}'? Known: {', '.join(EMOTIONS)}"
            )
    if model is not None:
        _check_inputs(experiment, model)
    repeated = [one for one in experiment.features if experiment.features.count(one) > 1]
    if repeated and not (isinstance(source, str) and source.endswith(".json")):  # earlier runs may have it
        raise UserError(
            f"experiment.features contains '{FEATURES.name_of(repeated[0])}' twice with the same fields: name it once, "
            "or change a field."
        )
    if experiment.name or isinstance(source, Experiment) or source.endswith(".json"):
        return experiment  # another name would identify another run
    return from_tree({**to_tree(experiment), "name": Path(source).stem})


def _import_plugins(tree: dict[str, Any]) -> None:
    """Import the plugin modules of a plain tree; the schema refuses what is no list of names."""
    names = tree["plugins"]
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        import_plugins(names)


def _take_initial(tree: dict[str, Any], overrides: list[tuple[str, Any]]) -> initial.InitialModel | None:
    """Complete a tree by what comes with its initial weights, and return their model.

    None without initial weights, and for a config.json, which is complete. The values of a model that an override names
    replace those of the tree. Otherwise they replace defaults only.

    Args:
        overrides: of "init".
    """
    chosen = False
    for key, value in overrides:
        override(tree, key, value)
        chosen = chosen or key in ("init", "init.model")
    if (init := tree.get("init")) is None:  # also null in a config.json
        tree.pop("init", None)
        return None
    if not (isinstance(init, dict) and isinstance(init.get("model", ""), str) and isinstance(tree["plugins"], list)):
        return None  # the schema refuses it
    if not init.get("model") or (init.get("digest") and not chosen):
        return None
    model = initial.find(init["model"])
    tree["init"] = {**init, "digest": model.digest}
    tree["plugins"] = list(dict.fromkeys([*tree["plugins"], *(model.tree.get("plugins") or ())]))
    _import_plugins(tree)
    theirs, default = to_tree(from_tree(model.tree)), to_tree(Experiment())
    for key in (*_INPUTS, "model"):
        if chosen or tree.get(key, default[key]) == default[key]:
            tree[key] = theirs[key]
    data = tree.setdefault("data", {})
    if chosen or data.get("trim_db", default["data"]["trim_db"]) == default["data"]["trim_db"]:
        data["trim_db"] = theirs["data"]["trim_db"]
    return model


def _check_inputs(experiment: Experiment, model: initial.InitialModel) -> None:
    """Raise `UserError` if the audio frontend of an experiment differs from that of its initial weights."""
    ours, theirs = to_tree(experiment), to_tree(from_tree(model.tree))
    if found := [line for key in _INPUTS for line in differences(theirs[key], ours[key], f"experiment.{key}")]:
        raise UserError(
            f"the weights of {experiment.init.model} were trained with another audio frontend; differences (its / "
            f"requested): {'; '.join(found[:3])}{' …' if len(found) > 3 else ''}. Omit these keys, which come with the "
            "weights, or omit init."
        )


def override(tree: dict[str, Any], key: str, value: Any) -> None:
    """Set one leaf of a plain tree to a value; the schema validates its type later.

    The name of the plugin that is set already keeps its fields; that of another one, and a list of names, has defaults.
    init=NAME is short for init.model=NAME, and init=none removes it. Text is a value of the command line: with commas
    it becomes a list if the present value is one, "none" becomes None, and text that starts with { or [ is parsed as
    JSON. A number in the key is an index into a list.

    >>> tree = {"features": [{"name": "mfcc", "n_mfcc": 13}]}
    >>> override(tree, "features.0.n_mfcc", "20")
    >>> tree
    {'features': [{'name': 'mfcc', 'n_mfcc': '20'}]}
    """
    if key == "init" and (value is None or str(value).lower() == "none"):
        tree.pop(key, None)
        return
    if key == "init" and isinstance(value, str | os.PathLike):
        key = "init.model"
    *parents, last = key.split(".")
    node: Any = tree
    for depth, name in enumerate([*parents, last]):
        is_last = depth == len(parents)
        where = ".".join(["experiment", *parents[:depth]])
        if isinstance(node, list):
            if not node:
                raise UserError(f"{where} is empty, so '{key}' cannot be set. Set {where} first.")
            if not (name.isdigit() and int(name) < len(node)):
                raise UserError(f"{where}: expected the number of an entry, 0 to {len(node) - 1}, got '{name}'.")
            index: Any = int(name)
        elif isinstance(node, dict):
            index = name
            node.setdefault(name, None if is_last else {})
        else:
            raise UserError(f"{where} is a single value without keys, so '{key}' cannot be set. Set {where}.")
        if is_last:
            if name == "name" and parents and isinstance(before := node[name], str) and isinstance(value, str):
                for key_of_other in _expanded(before).keys() - _expanded(value).keys():
                    node.pop(key_of_other, None)  # a field that only the plugin of before has
            if not (isinstance(value, str) and isinstance(node[index], dict) and node[index].get("name") == value):
                node[index] = _parse(value, node[index]) if isinstance(value, str) else plain(value)
        else:
            # an earlier override may have set a plugin by name: expand it, so that its fields can be set
            if isinstance(node[index], str):
                node[index] = _expanded(node[index])
            node = node[index]


def plain(value: Any) -> Any:
    """A value as config.json holds it: a plugin as a tree, a path as text, a number of NumPy as Python's."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return int(value) if isinstance(value, numbers.Integral) else float(value)
    return to_tree(value)


def _expanded(name: str) -> dict[str, Any]:
    """The tree of a plugin with its defaults, by which lists are recognized; only its name if it has no defaults."""
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
            if isinstance(present, str):  # a regular expression such as folders.pattern
                return text
            raise UserError(f"'{text}' is not valid JSON: {error}.") from None
    if text.lower() == "none":
        return [] if isinstance(present, list) else None
    if isinstance(present, list):
        return [item.strip() for item in text.split(",") if item.strip()]
    return text


def _read(source: str) -> dict[str, Any]:
    path = expanded(source)
    if path.suffix == ".json":
        return _read_json(path)
    if path.suffix != ".py":
        known = experiment_names()
        if source not in known:
            raise UserError(
                f"unknown experiment '{source}'.{nearest(source, known)} Known: {', '.join(known)}. The path of a .py "
                "file or of a run's config.json is accepted too."
            )
        path = known[source]
    return dict(to_tree(call_in_file(path, "experiment file", "get_config", Experiment)))


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
