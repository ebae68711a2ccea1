"""Train, evaluate, export and report (default).

{program} --experiment=quickstart
    Train, evaluate, export and report; the same command resumes.
{program} --experiment=quickstart --stress
    The same, with an evaluation under stress conditions, which runs on real speech by default.
{program} --experiment=quickstart --dry-run
    Print what it would do: configuration, clips, network, steps and disk use.
{program} --experiment=quickstart --experiment.epochs=5
    The same with another value in the experiment.
"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from aersut.bundle_files import CLASSIFIER
from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, dry_run, open_run
from aersut.commands.evaluate import print_evaluation
from aersut.paths import read_json
from aersut.program import program

if TYPE_CHECKING:
    from aersut.run_folder import Run


def _run(arguments: Arguments) -> None:
    if dry_run(arguments):
        return
    run = open_run(arguments)
    from aersut import api
    from aersut.registry import MODELS
    from aersut.training.trained import selected_epoch

    stress = _wants_stress(run)
    api.train(run)
    epoch = selected_epoch(run)
    results = [run.evaluation]
    if not _is_current(run.evaluation, epoch, stress):
        print_evaluation(api.evaluate(run, stress=stress))
    if run.experiment.model.exportable:
        results.append(run.exported)
        if not _is_current(results[-1], epoch, stress):
            print(api.export(run, stress=FLAGS.stress))
    else:
        print(f"export skipped: model '{MODELS.name_of(run.experiment.model)}' is not exportable")
    newest = max(path.stat().st_mtime for path in results)
    if not run.report.exists() or run.report.stat().st_mtime < newest:
        print(f"report {api.report(run)}")
    _summarize(run)


def _wants_stress(run: "Run") -> bool:
    """Whether to evaluate under stress conditions; by default for real speech, if the test set has recordings."""
    if FLAGS.stress is None:
        return not (run.synthetic or run.tests_copies)
    if FLAGS.stress:
        run.refuse_copies("--stress")
    return bool(FLAGS.stress)


def _is_current(result: Path, epoch: int, stress: bool) -> bool:
    """Whether a result belongs to the checkpoint of `epoch`, with stress results if they are wanted.

    A result that is missing (interrupted) or damaged is not current.
    """
    content = read_json(result) or {}
    return content.get("epoch") == epoch and (not stress or "stress" in content)


def _summarize(run: "Run") -> None:
    from aersut.evaluation.result_files import read_evaluation
    from aersut.evaluation.result_table import format_metric

    result = read_evaluation(run)
    warnings = f"{' on SYNTHETIC speech' if result['synthetic'] else ''}{' (LEAKS)' if result['leaks'] else ''}"
    lines = {
        "test UAR": f"{result['uar']:.3f}, WA {result['wa']:.3f}{warnings}",
        "stress mean": format_metric(stress["mean"]) if (stress := result.get("stress")) else None,
        "run folder": run.folder,
        "checkpoint": run.checkpoints / str(result["epoch"]),
        "report": run.report,
    }
    print("\n" + "\n".join(f"{name:12}{value}" for name, value in lines.items() if value))
    int8 = run.export / CLASSIFIER
    if run.experiment.model.exportable and int8.exists():
        classify = shlex.join(["--mode=predict", f"--model={int8}"])
        print(f"int8 model  {int8}: classify a recording with {program()} {classify} FILE.wav")


COMMAND = Command(
    _run,
    __doc__,
    flags=("experiment", "init", "workdir", "stress", "dry-run"),
    notes={"stress": "Evaluate under stress conditions, too (default: for real speech; --nostress omits it)."},
    extras=("train", "export", "report"),
)
