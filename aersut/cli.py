"""The command line: which mode, with which flags; exit statuses (0 done, 2 a user's mistake, 130 interrupted)."""

import errno
import os
import platform
import sys
from pathlib import Path

from absl import app, flags, logging

from aersut.commands import COMMANDS, listing
from aersut.commands.command import Arguments
from aersut.errors import UserError
from aersut.paths import cache_dir

ABOUT = """KEY is a dotted path into the experiment: epochs, optimizer.learning_rate, features.0.n_mfcc. Lists are
comma lists (--experiment.data.corpora=ravdess,cremad), plugins go by name (--experiment.model=cnn_lstm), none is None.
The same command finds the same run folder, goes on where it stopped, and says so when there is nothing left to do.
"""
FLAGS = flags.FLAGS
flags.DEFINE_enum("mode", "all", list(COMMANDS), "Which step to take.")
flags.DEFINE_bool("list", False, "Print the experiments and the plugins, and stop.")


def main() -> None:
    """The program, as `launch.py` and as the console script `aersut`."""
    app.run(_run, flags_parser=_parse)


def _parse(argv: list[str]) -> Arguments:
    if {"--help", "-h", "-help", "--helpfull", "--helpshort"} & set(argv[1:]):
        print(_help())
        sys.exit(0)
    try:
        rest, dotted = _dotted(argv)
        arguments = Arguments(dotted, tuple(FLAGS(rest)[1:]))
        _check(arguments)
        return arguments
    except (flags.Error, UserError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _help() -> str:
    calls = [call for command in COMMANDS.values() for call in command.usage]
    calls.append(("--list", "experiments, and plugins of every kind"))
    lines = [f"  python launch.py {options:{max(46, len(options))}}  {what}" for options, what in calls]
    modules = [name for name in FLAGS.flags_by_module_dict() if name.startswith("aersut.")]
    described = [line for name in modules for line in FLAGS.module_help(name).splitlines()[2:]]
    return "\n".join(["Train, evaluate and export emotion networks.", "", *lines, "", ABOUT, *described])


def _dotted(argv: list[str]) -> tuple[list[str], dict[str, list[tuple[str, str]]]]:
    """Take --experiment.KEY=VALUE and its like out of the arguments; absl knows declared flags only."""
    words = {"experiment", *(word for command in COMMANDS.values() for word in command.dotted)}
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
    """Raise `UserError` for an option that goes with other modes than the one that is asked for."""
    command = COMMANDS[FLAGS.mode]
    if arguments.paths and not command.paths:
        raise UserError(f"unexpected argument '{arguments.paths[0]}'; every option begins with --, see --help.")
    for mode in COMMANDS.values():
        for name in mode.flags:
            if FLAGS[name].present and name not in command.flags:
                modes = [other for other, one in COMMANDS.items() if name in one.flags]
                raise UserError(f"--{name} goes with --mode={' or '.join(modes)}.")
        for word in mode.dotted:
            if word in arguments.dotted and word not in command.dotted:
                modes = [other for other, one in COMMANDS.items() if word in one.dotted]
                raise UserError(f"--{word}.{arguments.dotted[word][0][0]} goes with --mode={' or '.join(modes)}.")


def _run(arguments: Arguments) -> int:
    try:
        return _dispatch(arguments)
    except UserError as error:
        sys.stdout.flush()
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; what was finished is kept, and the same command goes on from there", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `| head` has read enough; Python would complain once more when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if (message := _unusable(error)) is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        return 2


def _unusable(error: OSError) -> str | None:
    """What to tell of a full disk or a place where the user may not read or write, for it can turn up anywhere."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" of {error.filename}" if error.filename else ""
        remedy = "what was finished is kept. Make room, and give the same command again."
        return f"no space is left on the disk{where}; {remedy}"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and isinstance(error.filename, str):
        cached = Path(error.filename).absolute().is_relative_to(cache_dir().absolute())
        remedy = "Set AERSUT_CACHE to a folder of yours." if cached else "Change its permissions, or take another."
        return f"{error.filename} cannot be used: {error.strerror}. {remedy}"
    return None


def set_environment() -> None:
    """Set what JAX and TensorFlow read when they are imported, where the user has not."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # compiled functions are kept, by machine, for a CPU's may not run on another
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_dir() / "jax" / platform.node()))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")


def _dispatch(arguments: Arguments) -> int:
    set_environment()
    logging.set_verbosity(logging.WARNING)  # JAX tells each backend that it does not find, Orbax each step of each save
    if FLAGS.list:
        listing.print_list()
        return 0
    return COMMANDS[FLAGS.mode].run(arguments) or 0
