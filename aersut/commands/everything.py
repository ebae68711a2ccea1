"""--mode=all: train, evaluate, export and report, each where there is something to do."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from aersut.commands.command import Arguments, Command
from aersut.commands.common import open_run
from aersut.commands.evaluate import evaluate
from aersut.commands.export import export
from aersut.commands.report import report
from aersut.commands.train import train

if TYPE_CHECKING:
    from aersut.run import Run


def _run(arguments: Arguments) -> None:
    from aersut.training.trained import selected_epoch

    run = open_run(arguments)
    train(run)
    epoch = selected_epoch(run)
    exported = run.export / "export.json"
    if _epoch_of(run.evaluation) != epoch:
        evaluate(run)
    if _epoch_of(exported) != epoch:
        export(run)
    made = max(path.stat().st_mtime for path in (run.evaluation, exported))
    if not run.report.exists() or run.report.stat().st_mtime < made:
        report(run)
    _summarize(run)


def _epoch_of(result: Path) -> int | None:
    """The epoch whose checkpoint a result was made of; None where there is none, as after an interruption."""
    return json.loads(result.read_text(encoding="utf-8"))["epoch"] if result.exists() else None


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


USAGE = (
    ("--experiment=NAME", "train, evaluate, export and report"),
    ("--experiment=NAME --experiment.KEY=VALUE", "with another value somewhere in the experiment"),
)
COMMAND = Command(_run, USAGE)
