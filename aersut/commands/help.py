"""The texts of --help: one page for the program, one for each mode."""

import shutil
import textwrap
from collections.abc import Iterator

from absl import flags

from aersut.commands import COMMANDS
from aersut.commands.command import Command
from aersut.program import program

FLAGS = flags.FLAGS
COLUMN = 28


def program_help() -> str:
    """What the program is, its modes, and where the rest is; at most 24 lines."""
    return "\n".join(
        [
            "AERSUT: train, evaluate and export speech emotion recognition (SER) models for microcontrollers.",
            "",
            f"usage: {program()} --experiment=NAME [--mode=MODE] [--experiment.KEY=VALUE ...]",
            f"or:    {program()} --mode=predict --model=micro_speech CLIP ...",
            "",
            "modes:",
            *(f"  {name:10}{command.summary}" for name, command in COMMANDS.items()),
            "",
            f"{program()} --mode=MODE --help   usage and flags of a mode",
            f"{program()} --list               models of the zoo, experiments, plugins",
            "Guides: README.md and docs/ of the source distribution.",
        ]
    )


def mode_help(mode: str) -> str:
    """The usage of one mode, and its flags in their order."""
    command = COMMANDS[mode]
    summary, _, usage = (command.doc or "").partition("\n\n")
    lines = textwrap.indent(usage.format(program=program()), "  ")
    return "\n".join([f"--mode={mode}: {summary}", "", lines, "flags:", *_flag_lines(command)])


def _flag_lines(command: Command) -> Iterator[str]:
    for name in command.flags:
        flag = FLAGS[name]
        text = command.notes.get(name, flag.help.rpartition(">: ")[2])  # absl puts an enum's values before its text
        default = f" (default: {flag.value})" if flag.value not in (None, False, []) and not flag.present else ""
        yield from _row(_signature(flag), text + default)
        if name in command.dotted:
            yield from _row(f"--{name}.KEY=VALUE", command.dotted[name])
    for word, text in command.dotted.items():
        if word not in command.flags:
            yield from _row(f"--{word}.KEY=VALUE", text)


def _signature(flag: flags.Flag[object]) -> str:
    if isinstance(flag, flags.BooleanFlag):
        return f"--{flag.name}"
    if isinstance(flag, flags.EnumFlag):
        return f"--{flag.name}={'|'.join(flag.parser.enum_values)}"
    kind = {"int": "N", "float": "X", "comma separated list of strings": "A,B"}.get(flag.flag_type(), "TEXT")
    return f"--{flag.name}={kind}"


def _row(left: str, text: str) -> Iterator[str]:
    """A flag beside its text, or above it where it is too long."""
    width = min(shutil.get_terminal_size().columns, 110) - COLUMN - 2
    first, *rest = textwrap.wrap(text, max(30, width))
    if len(left) < COLUMN:
        yield f"  {left:{COLUMN}}{first}"
    else:
        yield f"  {left}"
        rest = [first, *rest]
    yield from (f"  {'':{COLUMN}}{line}" for line in rest)
