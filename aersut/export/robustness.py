"""Robustness of the int8 classifier: its stress evaluation on the test set, for export.json and the model card."""

from typing import Any

from aersut.bundle_files import CLASSIFIER
from aersut.contracts import SkippedTargetError
from aersut.evaluation.predictor import Exported
from aersut.evaluation.result_files import read_metrics
from aersut.evaluation.stress import stress_report
from aersut.export.context import Context, ExportOptions
from aersut.quiet import quiet
from aersut.run_folder import Run
from aersut.tflite.litert import LiteRTModel


def wants_stress(run: Run, options: ExportOptions) -> bool:
    """Whether an export includes the stress evaluation; by default, if the run's own evaluation has one.

    Raises:
        UserError: it is wanted, and the test set has augmented copies, of which there are no recordings.
    """
    if options.stress is None:
        return bool((read_metrics(run.evaluation) or {}).get("stress"))
    if options.stress:
        run.refuse_copies("--export.stress=true")
    return options.stress


def add_stress(context: Context) -> None:
    """Evaluate the int8 classifier under the standard set of stress conditions; see `stress_report`.

    The result is `context.results["stress"]` by the name of the file. Without the file it is empty, with a note.
    """
    results: dict[str, Any] = {}
    context.results["stress"] = results
    try:
        with quiet():
            model = LiteRTModel(context.model(CLASSIFIER))
    except SkippedTargetError as reason:
        context.notes.append(f"no stress evaluation: {reason}")
        return
    clips = [context.prepared.collection.clips[clip] for clip, _ in context.test.examples]
    exported = Exported(model, context.trained.experiment, context.trained.frontend)
    results[CLASSIFIER] = stress_report(exported, clips, context.test.labels)
