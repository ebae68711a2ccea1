"""Layers: a package imports only from packages before it, and heavy libraries stay in theirs."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "aersut"
ORDER = (
    *("errors", "texts", "notebook", "paths", "program", "progress", "quiet", "memo", "workers", "tflite", "matrices"),
    *("levels", "audio_input", "labels", "bundle_files", "zoo", "bundle_record"),
    *("contracts", "board", "registry", "tree", "plugin_code", "config", "initial", "experiment"),
    *("corpora", "data", "stress", "augment", "features", "encoders", "models"),
    *("metrics", "run_folder", "run", "training", "presets", "evaluation", "run_list"),
    *("report", "serving", "export", "publish", "emulation", "sweep", "results", "arguments", "api", "commands", "cli"),
)
ABOVE_ALL = ("testing",)
"""Plugin authors import it in their tests; nothing else does."""
HOMES = {
    "tensorflow": ("export/",),
    "orbax": ("training/checkpoints.py",),
    "tflite_micro": ("tflite/micro.py",),
    "ai_edge_quantizer": ("export/quantize.py",),
    "matplotlib": ("report/", "sweep/plots.py"),
    "optuna": ("sweep/",),
    "sqlalchemy": ("sweep/study.py",),
    "jinja2": ("report/",),
    "onnxruntime": ("encoders/onnx.py",),
    "sklearn": ("encoders/soft_labels.py",),
    "transformers": ("encoders/hugging_face.py",),
    "starlette": ("serving/access_control.py", "serving/web.py"),
    "uvicorn": ("serving/monitor.py",),
}
"""The only modules that may import a library, even within a function."""
MODULES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def statements(node: ast.AST, everywhere: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements under a node: those that run when the module is imported, or all of them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif everywhere or not (is_type_checking(child) or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield from statements(child, everywhere)


@functools.cache
def names_in(module: str, everywhere: bool = False) -> frozenset[str]:
    """The dotted names that a module of the package imports."""
    return frozenset(imported((PACKAGE / module).read_text(encoding="utf-8"), everywhere))


def imported(text: str, everywhere: bool = False) -> set[str]:
    """The dotted names that a module imports."""
    names: set[str] = set()
    for statement in statements(ast.parse(text), everywhere):
        if isinstance(statement, ast.Import):
            names |= {alias.name for alias in statement.names}
        else:
            assert statement.level == 0, "imports are absolute"
            names |= {f"{statement.module}.{alias.name}" for alias in statement.names}
    return names


def layer(name: str) -> str:
    """The package, or module at the top level, of a file or a dotted name."""
    return name.removeprefix("aersut.").replace("/", ".").split(".")[0]


def test_every_layer_has_a_position_in_the_order():
    layers = {layer(name) for name in MODULES} - {"__init__", "__main__"}
    assert layers <= {*ORDER, *ABOVE_ALL}, "add the new one to ORDER"
    assert set(ORDER) <= layers, "remove the missing one from ORDER"


def misplaced(module: str) -> set[str]:
    """The layers that a module imports although they do not stand before its own."""
    own, names = layer(module), {layer(name) for name in names_in(module) if name.startswith("aersut.")}
    if own == "__init__":  # importing aersut imports nothing
        return names
    return names - {own} - set(ORDER if own in ABOVE_ALL else ORDER[: ORDER.index(own)])


def test_a_module_imports_only_what_stands_before_it():
    assert {module: wrong for module in MODULES if (wrong := misplaced(module))} == {}


@pytest.mark.parametrize("library", HOMES)
def test_a_heavy_library_is_imported_by_its_modules_only(library):
    users = {
        module for module in MODULES if any(name.split(".")[0] == library for name in names_in(module, everywhere=True))
    }
    assert users, f"nothing imports {library}: remove it from HOMES"
    assert all(user.startswith(HOMES[library]) for user in users)


def test_this_test_sees_what_runs_at_import_and_what_does_not():
    text = """
from typing import TYPE_CHECKING
import numpy as np, orbax.checkpoint
if TYPE_CHECKING:
    import jax
try:
    from aersut.data import store
except ImportError:
    pass
class A:
    import json
    def f(self):
        import tensorflow as tf
"""
    assert imported(text) == {"typing.TYPE_CHECKING", "numpy", "orbax.checkpoint", "aersut.data.store", "json"}
    assert imported(text, everywhere=True) >= {"jax", "tensorflow"}
    assert layer("aersut.data.store") == layer("data/store.py") == "data"
