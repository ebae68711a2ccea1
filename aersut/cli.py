"""The command line: modes, flags and exit statuses (0 success, 2 a user's mistake, 130 interrupted)."""

import gc
import sys
from typing import Literal

from absl import app, flags, logging

import aersut
from aersut.commands import COMMANDS, listing, mistakes
from aersut.commands.command import Arguments
from aersut.commands.help import mode_help, program_help
from aersut.errors import UserError, missing_extras
from aersut.paths import expanded
from aersut.program import (
    discard_output,
    piped,
    repair_standard_streams,
    set_environment,
    unusable_file,
    unusable_platform,
)

HELP = {"--help", "-h", "-help", "--helpfull", "--helpshort"}
GARBAGE = 10_000
"""New objects after which Python collects garbage; its default, 700, takes a tenth of the time until the first epoch,
most of it for the objects of the imports, which stay. With 50,000, a training on 100,000 clips takes 30 MB more."""
FLAGS = flags.FLAGS
flags.DEFINE_enum("mode", "all", list(COMMANDS), "Which step to run.")
flags.DEFINE_bool("list", False, "Print the models of the zoo, the experiments and the plugins.")
flags.DEFINE_bool("version", False, "Print the version.")
FLAGS.set_gnu_getopt(True)  # flags may follow positional arguments


def main() -> None:
    """The program, as `launch.py` and as the console script `aersut`."""
    repair_standard_streams()
    gc.set_threshold(GARBAGE)
    try:
        app.run(_run, flags_parser=_parse)
    finally:
        gc.freeze()  # the last collections of the interpreter would visit all objects of the imports


def _parse(argv: list[str]) -> Arguments:
    end = argv.index("--") if "--" in argv else len(argv)  # after it, all arguments are positional
    wanted = [argument for argument in argv[:end] if argument not in HELP]
    try:
        rest, dotted = _dotted(wanted)
        rest = [_without_tilde(argument) for argument in rest]
        arguments = Arguments(dotted, tuple(FLAGS([*rest, *argv[end:]])[1:]), help=len(wanted) < end or end == 1)
        if not arguments.help:
            _check(arguments)
        return arguments
    except flags.Error as error:
        message = mistakes.explained(error, argv[1:end])
    except ValueError as error:  # also absl's, for --nolist=1
        message = str(error)
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def _without_tilde(argument: str) -> str:
    """An argument with the home folder for a ~ at the start of its value, which shells expand in --workdir ~/a only."""
    name, equals, value = argument.partition("=")
    if not (name.startswith("-") and value.startswith("~/")):
        return argument
    return f"{name}{equals}{expanded(value)}"


def _dotted(argv: list[str]) -> tuple[list[str], dict[str, list[tuple[str, str]]]]:
    """Take --experiment.KEY=VALUE and the like out of the arguments, since absl accepts declared flags only."""
    words = {word for command in COMMANDS.values() for word in command.dotted}
    rest: list[str] = []
    dotted: dict[str, list[tuple[str, str]]] = {}
    waiting = iter(argv)
    for argument in waiting:
        name, equals, value = argument.lstrip("-").partition("=")
        word, dot, key = name.partition(".")
        if not (argument.startswith("-") and dot and word in words):
            rest.append(argument)
            continue
        if not equals:
            value = next(waiting, "")
            if not value or value.startswith("--"):
                raise UserError(f"--{name} needs a value: --{name}=VALUE.")
        dotted.setdefault(word, []).append((key, value))
    return rest, dotted


def _check(arguments: Arguments) -> None:
    """Raise `UserError` for a flag or a positional argument that the selected mode does not take."""
    command = COMMANDS[FLAGS.mode]
    if arguments.paths and not command.paths:
        raise UserError(mistakes.positional(arguments.paths))
    for name in {name for mode in COMMANDS.values() for name in mode.flags} - set(command.flags):
        if FLAGS[name].present:
            raise UserError(f"--{name} goes with --mode={_modes('flags', name)}.")
    for word, [(key, _), *_] in arguments.dotted.items():
        if word not in command.dotted:
            raise UserError(f"--{word}.{key} goes with --mode={_modes('dotted', word)}.")


def _modes(kind: Literal["flags", "dotted"], name: str) -> str:
    return " or ".join(mode for mode, command in COMMANDS.items() if name in getattr(command, kind))


def _run(arguments: Arguments) -> int:
    return piped(lambda: _reported(arguments))


def _reported(arguments: Arguments) -> int:
    """Run the command; print an error that the user can fix as one line."""
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        raise
    except UserError as error:
        sys.stdout.flush()
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; finished work is kept, and the same command resumes", file=sys.stderr)
        return 130
    except (RuntimeError, AssertionError):
        if (message := unusable_platform()) is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        return 2
    except OSError as error:
        if (message := unusable_file(error)) is None:
            raise
        discard_output()  # it may be what fills the disk
        print(f"error: {message}", file=sys.stderr)
        return 2


def _dispatch(arguments: Arguments) -> int:
    if arguments.help:
        print(mode_help(FLAGS.mode) if FLAGS["mode"].present else program_help())
        return 0
    if FLAGS.version:
        print(f"aersut {aersut.__version__}")
        return 0
    set_environment()
    logging.set_verbosity(logging.WARNING)  # JAX logs each missing backend, Orbax each step of each save
    if FLAGS.list:
        listing.print_list()
        return 0
    if missing := missing_extras(COMMANDS[FLAGS.mode].extras):
        [module, *_], extras = missing.values(), ",".join(missing)
        raise UserError(f"--mode={FLAGS.mode} needs {module}, which is not installed: pip install 'aersut[{extras}]'.")
    if "train" not in COMMANDS[FLAGS.mode].extras:
        return COMMANDS[FLAGS.mode].run(arguments) or 0
    from aersut.run_folder import discarding_unused_runs

    with discarding_unused_runs():
        return COMMANDS[FLAGS.mode].run(arguments) or 0
