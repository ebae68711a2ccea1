"""What a run depends on beside its configuration: the code of the user's plugins, and the files that plugins read."""

import ast
import functools
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path

from aersut.contracts import Plugin
from aersut.tree import digest

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def dependencies(plugins: Sequence[Plugin]) -> list[str]:
    """For each plugin, a digest of its code and of the files that it reads; "" where it has neither."""
    found = [(code_digest(plugin), plugin.fingerprint() if _reads_files(plugin) else "") for plugin in plugins]
    return [digest(list(one)) if any(one) else "" for one in found]


def code_digest(plugin: Plugin) -> str:
    """Digest of the code of a plugin's class, of its base classes and of the plugins in its fields.

    It covers what the classes use of their own files; comments, docstrings and formatting do not change it. It is ""
    for the plugins of this package, whose version a run records, and for classes without a source file. It is that of
    the first call in a process, when the file is still the one that was imported.
    """
    found = sorted({_class_digest(cls) for one in with_nested(plugin) for cls in type(one).__mro__} - {""})
    return digest(found) if found else ""


def with_nested(plugin: Plugin) -> Iterator[Plugin]:
    """A plugin, the plugins in its fields, and those in theirs."""
    yield plugin
    for one in plugin.nested():
        yield from with_nested(one)


def _reads_files(plugin: Plugin) -> bool:
    """Whether the fingerprint is of files: those of this package without recordings have versions of libraries."""
    own = [one for one in with_nested(plugin) if not _of_this_package(type(one))]
    return bool(own) or any(type(one).recordings is not Plugin.recordings for one in with_nested(plugin))


def _of_this_package(cls: type) -> bool:
    return cls.__module__.partition(".")[0] in ("aersut", "abc", "builtins", "typing")


@functools.cache
def _class_digest(cls: type) -> str:
    if _of_this_package(cls):
        return ""
    try:
        tree = ast.parse(Path(inspect.getsourcefile(cls) or "").read_bytes())
    except (TypeError, OSError, ValueError, SyntaxError):  # defined in a notebook, by exec or on stdin
        return ""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and _docstring(node.body):
            node.body = node.body[1:] or [ast.Pass()]
    return digest([ast.unparse(node) for node in _reached(tree.body, cls.__qualname__.partition(".")[0])])


def _reached(statements: Sequence[ast.stmt], name: str) -> list[ast.stmt]:
    """The top-level statements that define a name, and the names that these use, in the order of the file."""
    defining: dict[str, list[ast.stmt]] = {}
    for statement in statements:
        for defined in _defined(statement):
            defining.setdefault(defined, []).append(statement)
    found, names = set(), [name]
    for one in names:  # grows by the names that are used
        for statement in defining.get(one, []):
            if statement not in found:
                found.add(statement)
                names += [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return [statement for statement in statements if statement in found]


def _defined(statement: ast.stmt) -> Iterator[str]:
    """The names that a top-level statement defines, also within `if` and `try`."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _docstring(body: Sequence[ast.stmt]) -> bool:
    first = body[0] if body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
