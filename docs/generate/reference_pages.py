"""Reference pages of the command line, of the configuration, and of the modules, from the code itself."""

import dataclasses
import importlib.util
import pkgutil
import typing
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

from absl import flags
from plugin_pages import FOLDERS, cell, default, parsed, type_name

import aersut
from aersut import cli  # noqa: F401  (it defines all flags)
from aersut.commands import COMMANDS
from aersut.commands.command import Command
from aersut.config import Data, Experiment, Loss
from aersut.contracts import Framing
from aersut.tree import Named

PROGRAM = "aersut"


def command_line() -> str:
    """A section for each mode: usage, and a table of its flags."""
    lines = [
        "# Command line",
        "",
        "`aersut` is the command of the installed package; in a checkout, `python launch.py` is the same. Without "
        "`--mode`, all four steps run: training, evaluation, export and report. This page is generated from the flags.",
        "",
        "| mode | effect |",
        "|---|---|",
        *(f"| [`{name}`](#{name}) | {cell(command.summary)} |" for name, command in COMMANDS.items()),
        "",
        "`aersut --help` prints the modes, `aersut --mode=MODE --help` a section of this page, `aersut --list` the "
        "models of the zoo, the experiments and the plugins.",
    ]
    for name, command in COMMANDS.items():
        summary, _, usage = (command.doc or "").partition("\n\n")
        lines += ["", f"## {name}", "", summary, "", "```", usage.format(program=PROGRAM).rstrip(), "```", ""]
        lines += ["| flag | default | meaning |", "|---|---|---|", *_flag_rows(command)]
    return "\n".join(lines) + "\n"


def _flag_rows(command: Command) -> Iterator[str]:
    for name in command.flags:
        flag = flags.FLAGS[name]
        text = command.notes.get(
            name, (flag.help or "").rpartition(">: ")[2]
        )  # absl puts an enum's values before its text
        shown = "" if flag.default in (None, False, []) else cell(f"`{flag.default}`")
        yield f"| `--{name}{_values(flag)}` | {shown} | {cell(text)} |"
    for word, text in command.dotted.items():
        yield f"| `--{word}.KEY=VALUE` | | {cell(text)} |"


def _values(flag: Any) -> str:
    if isinstance(flag, flags.BooleanFlag):
        return ""
    if isinstance(flag, flags.EnumFlag):
        return "=" + "|".join(flag.parser.enum_values)
    return {"int": "=N", "float": "=X", "comma separated list of strings": "=A,B"}.get(flag.flag_type(), "=TEXT")


def configuration() -> str:
    """A table for each class of the configuration: key, type, default, meaning."""
    lines = [
        "# Configuration",
        "",
        "Every key of an experiment, as in `config.json` and on the command line: `--experiment.KEY=VALUE`. This page "
        "is generated from `aersut.config.Experiment`. A plugin is set by its name, or with its fields: "
        '`--experiment.model=\'{"name": "cnn", "filters": [32, 32]}\'`; one field of it by its key, '
        "`--experiment.features.0.n_mfcc=20`. [Plugins](plugins/index.md) lists the fields of each.",
    ]
    for prefix, cls in (("", Experiment), ("data.", Data), ("framing.", Framing), ("loss.", Loss)):
        description, documented = parsed(cls)
        hints = get_type_hints(cls, include_extras=True)
        lines += ["", f"## {cls.__name__}" + (f" (`{prefix[:-1]}`)" if prefix else ""), "", description, ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        for field in dataclasses.fields(cls):
            lines.append(
                f"| `{prefix}{field.name}` | {_kind(hints[field.name])} | {_default(field)} "
                f"| {cell(documented.get(field.name, f'see below, `{field.name}.`'))} |"
            )
    return "\n".join(lines) + "\n"


def _kind(hint: Any) -> str:
    """A type in Markdown; plugins link to their overview."""
    if named := _named(hint):
        several = typing.get_origin(hint) is tuple
        optional = type(None) in get_args(hint)
        link = f"[{named.registry.kind}](plugins/{FOLDERS[named.registry.kind]}/index.md)"
        return f"list of {link} plugins" if several else f"{link} plugin{' or none' if optional else ''}"
    if typing.get_origin(hint) is typing.Annotated:
        return _kind(get_args(hint)[0])
    if typing.get_origin(hint) is typing.Literal or any(typing.get_origin(a) is typing.Literal for a in get_args(hint)):
        return ", ".join(f"`{value}`" for value in _literals(hint))
    return f"`{type_name(hint)}`"


def _literals(hint: Any) -> Iterator[Any]:
    for value in get_args(hint):
        if typing.get_origin(value) is typing.Literal:
            yield from _literals(value)
        else:
            yield value


def _named(hint: Any) -> Named | None:
    for note in getattr(hint, "__metadata__", ()):
        if isinstance(note, Named):
            return note
    return next((found for one in get_args(hint) if (found := _named(one))), None)


def _default(field: "dataclasses.Field[Any]") -> str:
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
        if type(value) in (Data, Framing, Loss):
            return ""
    return default(field)


PYTHON = """# Python API

The functions of `import aersut`, and what they return. [AERSUT in Python](../../python.md) shows them in use. Each
package has a page of its own in the navigation.

## Functions

::: aersut.api
    options:
      show_root_heading: false
      show_root_toc_entry: false
      heading_level: 3

[`aersut.load`][aersut.serving.recognizer.load] opens a model for prediction.

## Results

::: aersut.results
    options:
      show_root_heading: false
      show_root_toc_entry: false
      heading_level: 3

Errors are [`UserError`][aersut.errors.UserError]s.
"""


def python_pages() -> dict[str, str]:
    """A page for each public module and package of aersut, below the folder of the Python reference."""
    pages = {"index.md": PYTHON}
    for module in sorted(pkgutil.iter_modules(aersut.__path__, "aersut."), key=lambda one: one.name):
        name = module.name.removeprefix("aersut.")
        spec = importlib.util.find_spec(module.name)
        if name in ("api", "results", "commands", "cli") or spec is None:
            continue
        options = f"show_submodules: {str(module.ispkg).lower()}\n      show_root_toc_entry: false"
        text = f"::: {module.name}\n    options:\n      {options}\n      show_root_heading: false\n"
        pages[f"{name}.md"] = f"# `{module.name}`\n\n{text}"
    return pages
