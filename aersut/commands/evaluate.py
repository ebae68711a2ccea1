"""Evaluate a run, or an exported model, on the test set or on other corpora.

{program} --mode=evaluate --workdir=RUN
    Evaluate the selected checkpoint of a run on its test set.
{program} --mode=evaluate --workdir=RUN --importance
    Also compute feature importance: permutation importance, occlusion, integrated gradients.
{program} --mode=evaluate --workdir=RUN --model=RUN/export/model_int8.tflite
    Evaluate an exported model.
{program} --mode=evaluate --workdir=RUN --evaluate.root=FOLDER --evaluate.corpora=emodb,savee,tess
    Cross-corpus evaluation: evaluate on all clips of other corpora, with a table of them.
{program} --mode=evaluate --experiment=quickstart --folds=all
    Cross-validation: train the missing folds of the protocol, and pool the predictions of all.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, open_run
from aersut.errors import UserError

if TYPE_CHECKING:
    from aersut.evaluation.evaluate import Evaluation

flags.DEFINE_bool("importance", False, "Also compute feature importance, which takes about a minute.")


def _run(arguments: Arguments) -> None:
    from aersut.evaluation.evaluate import EvaluationOptions, evaluate, evaluate_on_corpora
    from aersut.registry import CORPORA

    other = dict(arguments.dotted.get("evaluate", []))
    if unknown := set(other) - {"root", "corpora"}:
        raise UserError(f"there is no --evaluate.{min(unknown)}; known: --evaluate.root, --evaluate.corpora.")
    if FLAGS.folds:
        if FLAGS.folds != ["all"]:
            raise UserError("--mode=evaluate takes --folds=all only; choose one fold with --experiment.data.fold=N.")
        if other or FLAGS.model or FLAGS.importance:
            raise UserError("--folds=all evaluates checkpoints on their own test sets; omit the other options.")
        from aersut.evaluation.folds import evaluate_folds, folds_table
        from aersut.report.evaluation_plots import draw_plots

        pooled = evaluate_folds(open_run(arguments), draw_plots)
        draw_plots(pooled)
        print(folds_table(pooled))
        return
    run = open_run(arguments)
    options = EvaluationOptions(Path(FLAGS.model) if FLAGS.model else None, FLAGS.importance)
    if not other:
        draw_and_print(evaluate(run, options))
        return
    corpora, roots = (
        tuple(part.strip() for part in other[key].split(",")) if key in other else None for key in ("corpora", "root")
    )
    plugins = None if corpora is None else tuple(CORPORA[name]() for name in corpora)
    draw_and_print(evaluate_on_corpora(run, roots, plugins, options))


def draw_and_print(evaluation: "Evaluation") -> None:
    """Draw the plots of an evaluation and print its result."""
    from aersut.evaluation.cross_corpus import cross_corpus_table
    from aersut.evaluation.importance import importance_table
    from aersut.evaluation.result_table import result_table
    from aersut.report.evaluation_plots import draw_plots
    from aersut.report.plots.style import matplotlib_installed

    draw_plots(evaluation)
    print(result_table(evaluation.result))
    if rows := evaluation.result.get("cross_corpus"):
        print(f"\n{cross_corpus_table(rows)}")
    print(f"\nresults in {evaluation.folder}")
    if evaluation.importance:
        print(importance_table(evaluation.importance))
    if not matplotlib_installed():
        print("no plots: they need matplotlib, pip install 'aersut[report]'")


COMMAND = Command(
    _run,
    __doc__,
    flags=("experiment", "workdir", "model", "importance", "folds"),
    settings={
        "evaluate": "corpora: names of the corpora to evaluate on, with commas; root: their data folder, or one "
        "folder for each, with commas."
    },
    notes={
        "model": "Exported .tflite file to evaluate instead of the checkpoint.",
        "folds": "all: train the missing folds, evaluate each, pool the predictions.",
    },
)
