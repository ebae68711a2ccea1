"""What a run depends on beside its configuration: the code of the user's plugins, and the files that plugins read."""

import ast
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path

from aersut.contracts import Plugin
from aersut.tree import digest

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digest(plugin: Plugin) -> str:
    """Digest of the source files of a plugin's class, of its base classes and of the plugins in its fields.

    Comments, docstrings, formatting and other plugins of a file do not change it. It is "" for the plugins of this
    package, whose version a run records, and for classes without a source file.
    """
    classes = {cls for one in with_nested(plugin) for cls in type(one).__mro__ if not _of_this_package(cls)}
    names = {cls.__name__ for cls in classes}
    files = sorted({file for cls in classes if (file := _source_file(cls))})
    return digest([_code(Path(file), names) for file in files]) if files else ""


def dependencies(plugins: Sequence[Plugin]) -> list[str]:
    """For each plugin, a digest of its code and of the files that it reads; "" where it has neither."""
    found = [(code_digest(plugin), plugin.fingerprint()) for plugin in plugins]
    return [digest(list(one)) if any(one) else "" for one in found]


def with_nested(plugin: Plugin) -> Iterator[Plugin]:
    """A plugin, the plugins in its fields, and those in theirs."""
    yield plugin
    for one in plugin.nested():
        yield from with_nested(one)


def _of_this_package(cls: type) -> bool:
    return cls is object or cls.__module__.partition(".")[0] in ("aersut", "abc", "typing")


def _source_file(cls: type) -> str | None:
    try:
        return inspect.getsourcefile(cls)
    except (TypeError, OSError):  # defined in a notebook, by exec or on stdin
        return None


def _code(file: Path, names: set[str]) -> str:
    """The source of a file without comments, docstrings, and decorated classes that are not among `names`."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return ""
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.ClassDef) and node.decorator_list and node.name not in names)
    ]
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and _docstring(node.body):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _docstring(body: Sequence[ast.stmt]) -> bool:
    first = body[0] if body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
