"""--mode=evaluate: judge a run on its test part, or on other speech."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, open_run
from aersut.errors import UserError

if TYPE_CHECKING:
    from aersut.run import Run


flags.DEFINE_bool("importance", False, "With --mode=evaluate: also find out what the network listens to (a minute).")


def evaluate(run: "Run") -> None:
    """Judge a run on its test part, and print the figures."""
    from aersut.evaluation.evaluate import evaluate as judge

    _print(judge(run))


def _run(arguments: Arguments) -> None:
    from aersut.evaluation.evaluate import Judge, evaluate_elsewhere
    from aersut.evaluation.evaluate import evaluate as on_test_part
    from aersut.registry import CORPORA

    elsewhere = dict(arguments.dotted.get("evaluate", []))
    if unknown := set(elsewhere) - {"root", "corpora"}:
        raise UserError(f"there is no --evaluate.{min(unknown)}; known: --evaluate.root, --evaluate.corpora.")
    if FLAGS.folds:
        if FLAGS.folds != ["all"]:
            raise UserError("--mode=evaluate knows --folds=all; one fold alone is --experiment.data.fold=N.")
        if elsewhere or FLAGS.model or FLAGS.importance:
            raise UserError("--folds=all judges checkpoints on their own test parts; leave the other options out.")
        _folds(arguments)
        return
    run = open_run(arguments)
    judge = Judge(Path(FLAGS.model) if FLAGS.model else None, FLAGS.importance)
    if not elsewhere:
        _print(on_test_part(run, judge))
        return
    corpora = elsewhere.get("corpora")
    plugins = tuple(CORPORA[name.strip()]() for name in corpora.split(",")) if corpora is not None else None
    _print(evaluate_elsewhere(run, elsewhere.get("root"), plugins, judge))


def _print(result: dict[str, Any]) -> None:
    from aersut.evaluation import explain
    from aersut.evaluation.plots import style
    from aersut.evaluation.text import table

    print(table(result))
    print(f"\nresults in {result['folder']}")
    if "importance" in result:
        print(explain.table(result["importance"]))
    if not style.available():
        print("no pictures: they need matplotlib, pip install 'aersut[report]'")


def _folds(arguments: Arguments) -> None:
    from aersut.evaluation import folds

    print(folds.table(folds.evaluate_folds(open_run(arguments))))


USAGE = (
    ("--mode=evaluate --workdir=RUN", "judge a run on its test part"),
    ("--mode=evaluate --workdir=RUN --importance", "and find out what it listens to"),
    ("--mode=evaluate --workdir=RUN --model=FILE.tflite", "judge a file that was exported from it"),
    ("--mode=evaluate --workdir=RUN --evaluate.root=FOLDER --evaluate.corpora=NAMES", "judge it on other speech"),
    ("--mode=evaluate --experiment=NAME --folds=all", "train and judge all folds of its protocol"),
)
COMMAND = Command(_run, USAGE, flags=("model", "importance", "folds"), dotted=("evaluate",))
