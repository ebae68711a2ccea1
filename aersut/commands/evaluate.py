"""--mode=evaluate: judge a run on its test part, or on other speech."""

from typing import TYPE_CHECKING

from aersut.commands.command import Arguments, Command
from aersut.commands.common import open_run
from aersut.errors import UserError

if TYPE_CHECKING:
    from aersut.run import Run


def evaluate(run: "Run") -> None:
    """Judge a run on its test part, and print the figures."""
    from aersut.evaluation import evaluate as module

    print(module.table(module.evaluate(run)))


def _run(arguments: Arguments) -> None:
    from aersut.evaluation.evaluate import evaluate_elsewhere, table
    from aersut.registry import CORPORA

    elsewhere = dict(arguments.dotted.get("evaluate", []))
    if unknown := set(elsewhere) - {"root", "corpora"}:
        raise UserError(f"there is no --evaluate.{min(unknown)}; known: --evaluate.root, --evaluate.corpora.")
    run = open_run(arguments)
    if not elsewhere:
        evaluate(run)
        return
    corpora = elsewhere.get("corpora")
    plugins = tuple(CORPORA[name.strip()]() for name in corpora.split(",")) if corpora is not None else None
    print(table(evaluate_elsewhere(run, elsewhere.get("root"), plugins)))


USAGE = (
    ("--mode=evaluate --workdir=RUN", "judge a run on its test part"),
    ("--mode=evaluate --workdir=RUN --evaluate.root=FOLDER --evaluate.corpora=NAMES", "judge it on other speech"),
)
COMMAND = Command(_run, USAGE, dotted=("evaluate",))
