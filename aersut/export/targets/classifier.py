"""The classifier in every number format, each verified on the test set."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np

from aersut.bundle_files import classifier_file
from aersut.contracts import Target
from aersut.errors import UserError
from aersut.export.context import Context
from aersut.export.convert import classifier_graphs
from aersut.export.metadata import documented
from aersut.export.quantize import FORMATS, INTEGER, quantize
from aersut.export.runtimes import litert_runtimes
from aersut.export.verify import (
    check_float32,
    check_quantization_loss,
    file_metrics,
    largest_difference,
    latency_ms,
    quantization_loss,
)
from aersut.registry import TARGETS
from aersut.tflite.file import TFLiteFile
from aersut.tflite.litert import LiteRTModel
from aersut.tflite.micro import TFLMResult, run_tflm_float

MICRO = ("float32", "int8")
"""The formats for microcontrollers, which are verified in TensorFlow Lite Micro on the whole test set."""


@TARGETS.register("classifier")
@dataclass(frozen=True)
class Classifier(Target):
    """model_*.tflite: scaled features to probabilities, in five number formats."""

    def files(self, context: Context) -> Mapping[str, TFLiteFile]:
        """Convert, quantize and verify the run's network.

        Raises:
            UserError: an operator is missing, the float32 file differs from JAX, or int8 loses too much UAR.
        """
        trained, test = context.trained, context.test
        context.say("converting the classifier")
        files = _quantized(context, *classifier_graphs(trained.network, trained.frontend.shape))
        outputs = {}
        for name, file in files.items():
            context.say(f"verifying {file.name} in LiteRT")
            outputs[name] = LiteRTModel(file)(test.features)
        check_float32(outputs["float32"], test.reference)
        _omit_int16x8(context, files, outputs)
        latencies = {name: latency_ms(file, test.features[0]) for name, file in files.items()}  # while cores are idle
        micro = _run_in_micro(context, files)
        if micro:
            check_float32(micro["float32"].outputs, test.reference, "TensorFlow Lite Micro")
        _check_int8(context, files)
        return {
            file.name: _finished(context, file, outputs[name], latencies[name], micro.get(name))
            for name, file in files.items()
        }


def _quantized(context: Context, floating: TFLiteFile, integer: TFLiteFile) -> dict[str, TFLiteFile]:
    files = {}
    for name in FORMATS:
        context.say(f"converting {classifier_file(name)}")
        try:
            files[name] = quantize(integer if name in INTEGER else floating, name, context.calibration.features)
        except UserError as error:
            if name != "int16x8":
                raise
            context.notes.append(f"{classifier_file(name)} is omitted: {error}")
    return files


def _omit_int16x8(context: Context, files: dict[str, TFLiteFile], outputs: Mapping[str, np.ndarray]) -> None:
    """Omit int16x8 where it is less accurate than int8, because some of TensorFlow's int16 kernels are incorrect."""
    far = {name: largest_difference(found, context.test.reference) for name, found in outputs.items()}
    if "int16x8" in files and far["int16x8"] > max(far["int8"], 0.01):
        del files["int16x8"]
        context.notes.append(
            f"{classifier_file('int16x8')} is omitted: it differs from JAX more than int8, by {far['int16x8']:.2g}. "
            "More calibration clips may help (--export.calibration)."
        )


def _run_in_micro(context: Context, files: Mapping[str, TFLiteFile]) -> dict[str, TFLMResult]:
    """Real outputs and tensor arenas in TensorFlow Lite Micro, one subprocess per file in parallel."""
    if reason := context.without_micro:
        context.notes.append(f"TensorFlow Lite Micro did not run, so no tensor arena is known: {reason}")
        return {}
    # for int16x8 the arena only, since its kernels are slow
    clips = {**dict.fromkeys(MICRO, context.test.features), "int16x8": context.test.features[:1]}
    names = [name for name in clips if name in files]
    context.say(f"verifying {', '.join(files[name].name for name in names)} in TensorFlow Lite Micro")
    with ThreadPoolExecutor(len(MICRO)) as pool:
        try:
            results = pool.map(lambda name: run_tflm_float(files[name], clips[name]), names)
            return dict(zip(names, results, strict=True))
        except UserError as error:
            raise UserError(f"{error} Nothing was exported; --export.micro=false skips this check.") from None


def _check_int8(context: Context, files: Mapping[str, TFLiteFile]) -> None:
    validation = context.validation
    context.say("comparing int8 with float32 on the validation set")
    before, after = (LiteRTModel(files[name])(validation.features) for name in MICRO)
    speakers = [context.prepared.collection.clips[clip].speaker_id for clip, _ in validation.examples]
    found = quantization_loss(before, after, validation.labels, speakers)
    if warning := check_quantization_loss(found, context.options.max_uar_loss):
        context.notes.append(f"WARNING: {warning}")
    context.results["int8_loss"] = asdict(found)


def _finished(
    context: Context, file: TFLiteFile, outputs: np.ndarray, latency: float, micro: TFLMResult | None
) -> TFLiteFile:
    labels, reference = context.test.labels, context.test.reference
    verified = micro is not None and len(micro.outputs) == len(outputs)
    runtimes = litert_runtimes(file, context.test.features, outputs)
    if micro:
        runtimes.append("tflm")
    finished = documented(
        context,
        file,
        "classifier",
        runtimes,
        **asdict(file_metrics(outputs, reference, labels)),
        clips=len(labels),
        arena=micro and micro.arena,
        micro=asdict(file_metrics(micro.outputs, reference, labels)) if micro and verified else None,
        latency_ms=latency,
    )
    if not np.array_equal(LiteRTModel(finished)(context.test.features[:8]), outputs[:8]):
        raise UserError(f"the outputs of {file.name} change when metadata is added to it; nothing was exported.")
    return finished
