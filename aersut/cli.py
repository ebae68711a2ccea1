"""The command line: flags, one function call per mode, exit statuses (0 done, 2 a user's mistake, 130 interrupted)."""

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from absl import app, flags, logging

from aersut.errors import UserError
from aersut.paths import cache_dir

if TYPE_CHECKING:
    from aersut.run import Run

USAGE = """Train, evaluate and export emotion networks.

  python launch.py --experiment=NAME                          train, evaluate, export and report
  python launch.py --experiment=NAME --experiment.KEY=VALUE   with another value somewhere in the experiment
  python launch.py --mode=evaluate --workdir=RUN              one step of an existing run
  python launch.py --mode=evaluate --workdir=RUN --evaluate.root=FOLDER --evaluate.corpora=NAMES
                                                              judge a run on other speech
  python launch.py --mode=data --experiment=NAME              what is on disk, and what is wrong with it
  python launch.py --mode=data --download=ravdess,cremad      download corpora into input/ first
  python launch.py --mode=show --experiment=NAME --clip=FILE  a picture of one clip's features and augmentations
  python launch.py --list                                     experiments, and plugins of every kind

KEY is a dotted path into the experiment: epochs, optimizer.learning_rate, data.root, features.0.n_mfcc. Lists are
comma lists (--experiment.data.corpora=ravdess,cremad), plugins go by name (--experiment.model=cnn_lstm), none is None.
The same command finds the same run folder, goes on where it stopped, and says so when there is nothing left to do.
"""

MODES = ("all", "data", "train", "evaluate", "export", "report", "show")
FLAGS = flags.FLAGS
flags.DEFINE_string(
    "experiment", None, "Name of an experiment, path of a .py file with get_config(), or a run's config.json."
)
flags.DEFINE_enum("mode", "all", MODES, "Which step to take.")
flags.DEFINE_string("workdir", None, "Run folder; by default runs/<experiment>/<digest of the configuration>.")
flags.DEFINE_bool("json", False, "With --mode=data: print one JSON object instead of a table.")
flags.DEFINE_list("download", [], "With --mode=data: corpora to download into data.root first: ravdess, cremad.")
flags.DEFINE_string("clip", None, "With --mode=show: the sound file to draw.")
flags.DEFINE_string("output", None, "With --mode=show: the PNG file; by default it is named after clip and experiment.")
flags.DEFINE_bool("list", False, "Print the experiments and the plugins, and stop.")


@dataclass(frozen=True)
class Arguments:
    """What the command line said, beside the flags: pairs of a dotted key and its value."""

    experiment: list[tuple[str, str]]
    evaluate: dict[str, str]


def main() -> None:
    """The program, as `launch.py` and as the console script `aersut`."""
    app.run(_run, flags_parser=_parse)


def _parse(argv: list[str]) -> Arguments:
    if {"--help", "-h", "-help", "--helpfull", "--helpshort"} & set(argv[1:]):
        print(USAGE + FLAGS.module_help(sys.modules[__name__]))
        sys.exit(0)
    try:
        rest, dotted = _dotted(argv)
        left = FLAGS(rest)
        if len(left) > 1:
            raise UserError(f"unexpected argument '{left[1]}'; every option begins with --, see --help.")
        evaluate = {key: value for prefix, key, value in dotted if prefix == "evaluate"}
        if unknown := set(evaluate) - {"root", "corpora"}:
            raise UserError(f"there is no --evaluate.{min(unknown)}; known: --evaluate.root, --evaluate.corpora.")
        return Arguments([(key, value) for prefix, key, value in dotted if prefix == "experiment"], evaluate)
    except (flags.Error, UserError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _dotted(argv: list[str]) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Take --experiment.KEY=VALUE and --evaluate.KEY=VALUE out of the arguments; absl knows declared flags only."""
    rest: list[str] = []
    dotted: list[tuple[str, str, str]] = []
    waiting = iter(argv)
    for argument in waiting:
        name, equals, value = argument.lstrip("-").partition("=")
        prefix, dot, key = name.partition(".")
        if not (argument.startswith("-") and dot and prefix in ("experiment", "evaluate")):
            rest.append(argument)
            continue
        if not equals:
            value = next(waiting, "")
            if not value or value.startswith("--"):
                raise UserError(f"--{name} needs a value: --{name}=VALUE.")
        dotted.append((prefix, key, value))
    return rest, dotted


def _run(arguments: Arguments) -> int:
    try:
        return _dispatch(arguments)
    except UserError as error:
        sys.stdout.flush()
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `| head` has read enough; Python would complain once more when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _dispatch(arguments: Arguments) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before any library that brings TensorFlow's runtime
    # compiled functions are kept, by machine, for a CPU's may not run on another
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_dir() / "jax" / platform.node()))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
    logging.set_verbosity(logging.WARNING)  # JAX tells each backend that it does not find, Orbax each step of each save
    if FLAGS.list:
        _list()
        return 0
    if arguments.evaluate and FLAGS.mode != "evaluate":
        raise UserError("--evaluate.root and --evaluate.corpora go with --mode=evaluate.")
    if FLAGS.mode == "data":
        return _data(arguments)
    if FLAGS.json or FLAGS.download:
        raise UserError("--json and --download go with --mode=data.")
    if FLAGS.mode == "show":
        _show(arguments)
        return 0
    if FLAGS.clip or FLAGS.output:
        raise UserError("--clip and --output go with --mode=show.")
    run = _open(arguments)
    modes: dict[str, Callable[[Run], object]] = {
        "all": _all,
        "train": _train,
        "evaluate": lambda run: _evaluate(run, arguments.evaluate),
        "export": _export,
        "report": _report,
    }
    modes[FLAGS.mode](run)
    return 0


def _open(arguments: Arguments) -> "Run":
    from aersut import experiment, run
    from aersut.config import Experiment

    folder = Path(FLAGS.workdir) if FLAGS.workdir else None
    if FLAGS.experiment is None:
        if folder is None:
            raise UserError(
                f"which experiment? --experiment=NAME ({', '.join(experiment.names())}), or --workdir of a run."
            )
        if not arguments.experiment:
            return run.open_run(folder)
    source = FLAGS.experiment or str(run.Run(folder or Path(), Experiment()).config)
    return run.start(experiment.load(source, arguments.experiment), folder)


def _data(arguments: Arguments) -> int:
    from aersut import experiment
    from aersut.config import Data, Experiment
    from aersut.data.download import download
    from aersut.data.survey import as_json, survey, table
    from aersut.registry import CORPORA

    if FLAGS.experiment is None and not FLAGS.download:
        raise UserError("which corpora? --experiment=NAME, or --download=NAMES.")
    downloaded = Experiment(data=Data(corpora=tuple(CORPORA[name]() for name in FLAGS.download)))
    asked = experiment.load(FLAGS.experiment or downloaded, arguments.experiment)
    for name in FLAGS.download:
        download(name, Path(asked.data.root).expanduser())
    surveys = survey(asked.data, asked.framing)
    print(json.dumps(as_json(surveys), indent=2) if FLAGS.json else table(surveys))
    return 2 if any(one.spoils for one in surveys) else 0


def _show(arguments: Arguments) -> None:
    from aersut import experiment
    from aersut.evaluation.show import show

    if FLAGS.experiment is None or not FLAGS.clip:
        raise UserError("--mode=show needs --experiment=NAME and --clip=FILE.")
    asked, clip = experiment.load(FLAGS.experiment, arguments.experiment), Path(FLAGS.clip)
    output = Path(FLAGS.output or f"{clip.stem}-{asked.name}.png")
    print(f"picture {show(asked, clip, output)}")


def _all(run: "Run") -> None:
    from aersut.training.trained import best_epoch

    _train(run)
    best = best_epoch(run)
    exported = run.export / "export.json"
    if _epoch_of(run.evaluation) != best:
        _evaluate(run, {})
    if _epoch_of(exported) != best:
        _export(run)
    made = max(path.stat().st_mtime for path in (run.evaluation, exported))
    if not run.report.exists() or run.report.stat().st_mtime < made:
        _report(run)
    _summarize(run)


def _epoch_of(result: Path) -> int | None:
    """The epoch whose checkpoint a result was made of; None where there is none, as after an interruption."""
    return json.loads(result.read_text(encoding="utf-8"))["epoch"] if result.exists() else None


def _train(run: "Run") -> None:
    from aersut.training import records
    from aersut.training.loop import train

    print(f"run folder {run.folder}")
    if not train(run):
        print(f"training was finished: {len(records.read(run.records))} epochs")


def _evaluate(run: "Run", elsewhere: dict[str, str]) -> None:
    from aersut.evaluation.evaluate import evaluate, evaluate_elsewhere, table
    from aersut.registry import CORPORA

    if elsewhere:
        corpora = elsewhere.get("corpora")
        plugins = tuple(CORPORA[name.strip()]() for name in corpora.split(",")) if corpora is not None else None
        result = evaluate_elsewhere(run, elsewhere.get("root"), plugins)
    else:
        result = evaluate(run)
    print(table(result))


def _export(run: "Run") -> None:
    from aersut.export.export import export, table

    print(table(export(run)))


def _report(run: "Run") -> None:
    from aersut.evaluation.report import write_report

    print(f"report {write_report(run)}")


def _summarize(run: "Run") -> None:
    from aersut.evaluation.evaluate import read

    result = read(run)
    print(
        f"\n{'test UAR':12}{result['uar']:.3f}, WA {result['wa']:.3f}"
        f"{' on SYNTHETIC speech' if result['synthetic'] else ''}{' (LEAKS)' if result['leaks'] else ''}\n"
        f"{'run folder':12}{run.folder}\n"
        f"{'checkpoint':12}{run.checkpoints / str(result['epoch'])}\n"
        f"{'model':12}{run.export / 'model_float32.tflite'}\n"
        f"{'report':12}{run.report}"
    )


def _list() -> None:
    import ast

    from aersut import experiment
    from aersut.config import REGISTRIES

    print("experiments")
    for name, path in experiment.names().items():
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        print(f"  {name:28}{text.partition(chr(10))[0]}")
    for registry in REGISTRIES:
        print({"corpus": "corpora"}.get(registry.kind, registry.kind + "s"))
        for name in registry.names():
            print(f"  {name:28}{registry.summary(name)}")
