"""What a mistaken command line meant: messages that name the right flag."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from absl import flags

from aersut.commands import COMMANDS
from aersut.errors import missing_extras, nearest
from aersut.program import program

FLAGS = flags.FLAGS
RENAMED = {"gate": "vad_threshold"}
"""Earlier names of flags."""


def explained(error: flags.Error, argv: Sequence[str]) -> str:
    """The message for arguments that absl refuses."""
    if isinstance(error, flags.UnrecognizedFlagError):
        return _unknown_flag(error, argv)
    if choice := re.match(r"flag --(\w+)=(.*): value should be one of <(.*)>$", str(error)):
        name, value, known = choice[1], choice[2], choice[3].split("|")
        return f"--{name}={value} is unknown.{nearest(value, known)} Known: {', '.join(known)}."
    return str(error)


def positional(paths: Sequence[str]) -> str:
    """The message for positional arguments of a mode that takes none, such as `train quickstart`."""
    from aersut.audio_input import AUDIO  # it imports numpy

    first, rest = paths[0], paths[1:]
    start = f"unexpected argument '{first}'"
    if first in ("help", "list", "version"):
        return f"{start}: expected {program()} --{first}."
    if first in COMMANDS and not FLAGS["mode"].present:
        return f"{start}: a mode is selected by --mode. Expected {program()} {' '.join(_command(first, rest))}."
    if not FLAGS["mode"].present and (meant := nearest(first, COMMANDS)):
        return f"{start}.{meant} A mode is selected by --mode."
    if (path := Path(first)).suffix.lower() in AUDIO or (path.is_file() and path.suffix not in (".py", ".json")):
        return f"{start}: files are classified by {program()} --mode=predict --model=NAME {first}."
    return f"{start}; every flag begins with --, see --help. Expected {_selection(first)}."


def _command(mode: str, rest: Sequence[str]) -> Iterator[str]:
    """The arguments that select a mode, with its positional arguments as flags where it takes none."""
    yield f"--mode={mode}"
    if mode == "predict":
        yield f"--model={FLAGS.model or 'NAME'}"
    if COMMANDS[mode].paths:
        yield from rest
        return
    if rest and all(Path(argument).is_dir() for argument in rest):
        yield f"--workdir={','.join(rest)}"
    else:
        yield from map(_selection, rest)


def _selection(argument: str) -> str:
    return f"--workdir={argument}" if Path(argument).is_dir() else f"--experiment={argument}"


def _unknown_flag(error: flags.UnrecognizedFlagError, argv: Sequence[str]) -> str:
    """The message for an unknown flag: a file, another spelling, or a key of the experiment."""
    name = error.flagname
    for argument in argv:
        if argument.lstrip("-").partition("=")[0] == name and Path(argument).exists():
            return f"{argument} is not a flag. A file whose name begins with a dash is given after --: … -- {argument}"
    if (declared := RENAMED.get(name, name.replace("-", "_").lower())) in FLAGS:
        return f"unknown flag --{name}. Did you mean --{declared}?"
    keys = [key for key in _keys() if key == declared or key.endswith(f".{declared}")]
    if keys:
        return f"unknown flag --{name}. Did you mean --experiment.{min(keys, key=len)}?"
    hint = (
        "--help lists the modes, --mode=MODE --help their flags; --experiment.KEY=VALUE sets a value of the experiment."
    )
    return f"unknown flag --{name}.{nearest(declared, FLAGS, similarity=0.7)} {hint}"


def _keys() -> Iterator[str]:
    """The dotted keys of an experiment; none in the base install."""
    if missing_extras(["train"]):
        return
    from aersut.config import Experiment
    from aersut.tree import to_tree

    def leaves(tree: object, at: str) -> Iterator[str]:
        entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
        for key, value in entries:
            yield f"{at}{key}"
            yield from leaves(value, f"{at}{key}.")

    yield from leaves(to_tree(Experiment()), "")
