"""Train, evaluate, export and report (default).

{program} --experiment=quickstart
    Train, evaluate, export and report; the same command resumes.
{program} --experiment=quickstart --experiment.epochs=5
    The same with another value in the experiment.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from aersut.commands.command import Arguments, Command
from aersut.commands.common import open_run
from aersut.commands.evaluate import draw_and_print
from aersut.commands.export import export
from aersut.commands.report import write_report_and_print
from aersut.commands.train import train
from aersut.paths import read_json

if TYPE_CHECKING:
    from aersut.run import Run


def _run(arguments: Arguments) -> None:
    from aersut.evaluation.evaluate import evaluate
    from aersut.registry import MODELS
    from aersut.training.trained import selected_epoch

    run = open_run(arguments)
    train(run)
    epoch = selected_epoch(run)
    results = [run.evaluation]
    if _epoch_of(run.evaluation) != epoch:
        draw_and_print(evaluate(run))
    if run.experiment.model.exportable:
        results.append(run.export / "export.json")
        if _epoch_of(results[-1]) != epoch:
            export(run)
    else:
        print(f"export skipped: model '{MODELS.name_of(run.experiment.model)}' is not exportable")
    newest = max(path.stat().st_mtime for path in results)
    if not run.report.exists() or run.report.stat().st_mtime < newest:
        write_report_and_print(run)
    _summarize(run)


def _epoch_of(result: Path) -> int | None:
    """The epoch of the checkpoint that a result belongs to; None if the result is missing (interrupted) or damaged."""
    return (read_json(result) or {}).get("epoch")


def _summarize(run: "Run") -> None:
    from aersut.evaluation.result_files import read_evaluation

    result = read_evaluation(run)
    warnings = f"{' on SYNTHETIC speech' if result['synthetic'] else ''}{' (LEAKS)' if result['leaks'] else ''}"
    lines = {
        "test UAR": f"{result['uar']:.3f}, WA {result['wa']:.3f}{warnings}",
        "run folder": run.folder,
        "checkpoint": run.checkpoints / str(result["epoch"]),
        "model": run.export / "model_float32.tflite" if run.experiment.model.exportable else None,
        "report": run.report,
    }
    print("\n" + "\n".join(f"{name:12}{value}" for name, value in lines.items() if value))


COMMAND = Command(_run, __doc__, flags=("experiment", "workdir"))
