"""The classifier in every number format: scaled features in, probabilities out; each verified on the test part."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import numpy as np

from aersut.errors import UserError
from aersut.export import ethos
from aersut.export.bridge import probabilities, to_tflite
from aersut.export.context import Context, Part, described, origin, report
from aersut.export.flatbuffer import describe, with_metadata
from aersut.export.quantize import FORMATS, quantize
from aersut.export.verify import check_loss, compare, judge, latency_ms, loss, refuse_difference, run_litert, run_micro

MICRO = ("float32", "int8")
"""The formats that boards take, which are verified there on the whole test part."""
Micro = tuple[np.ndarray, int]


def file_name(number_format: str) -> str:
    """The name of the classifier's file in one of `quantize.FORMATS`."""
    return f"model_{number_format}.tflite"


def classifiers(context: Context) -> Mapping[str, bytes]:
    """Convert, quantize and verify the run's network; report each file.

    Raises:
        UserError: a target lacks an operator, the float32 file differs from JAX, or int8 loses too much.
    """
    trained = context.trained
    base = to_tflite(probabilities(trained.graphs, trained.state, fused=True), [(1, *trained.frontend.shape)])
    files = _quantized(context, base)
    outputs = {name: run_litert(file, context.test.features) for name, file in files.items()}
    _check_float32(context, outputs["float32"], "LiteRT")
    _drop_int16x8(context, files, outputs)
    clip = context.test.features[0]
    latencies = {name: latency_ms(file, clip) for name, file in files.items()}  # before the cores are busy
    micro = _in_micro(context, files)
    if micro:
        _check_float32(context, micro["float32"][0], "TensorFlow Lite Micro")
    _check_int8(context, files)
    finished: dict[str, bytes] = {}
    for name, file in files.items():
        result = _report(context.test, file, outputs[name], latencies[name], micro.get(name))
        finished[file_name(name)] = shipped = with_metadata(file, _metadata(context, file, result))
        if not np.array_equal(run_litert(shipped, context.test.features[:8]), outputs[name][:8]):
            raise UserError(f"{file_name(name)} answers otherwise once its metadata is in it; nothing was exported.")
        context.reports[file_name(name)] = {**result, "bytes": len(shipped)}
    _estimate_npu(context, finished[file_name("int8")])
    return finished


def _quantized(context: Context, base: bytes) -> dict[str, bytes]:
    files = {}
    for name in FORMATS:
        try:
            files[name] = quantize(base, name, context.calibration.features)
        except UserError as error:
            if name != "int16x8":
                raise
            context.notes.append(f"{file_name(name)} is left out: {error}")
    return files


def _check_float32(context: Context, outputs: np.ndarray, where: str) -> None:
    refuse_difference(compare(outputs, context.test.reference), where)


def _drop_int16x8(context: Context, files: dict[str, bytes], outputs: Mapping[str, np.ndarray]) -> None:
    """Leave out what is to be nearer to float32 than int8 and is not; some of TensorFlow's int16 kernels err."""
    far = {name: compare(found, context.test.reference).difference for name, found in outputs.items()}
    if "int16x8" in files and far["int16x8"] > max(far["int8"], 0.01):
        del files["int16x8"]
        context.notes.append(
            f"{file_name('int16x8')} is left out: it is further from JAX than int8, by {far['int16x8']:.2g}."
        )


def _in_micro(context: Context, files: Mapping[str, bytes]) -> dict[str, Micro]:
    """The outputs and arenas in TensorFlow Lite Micro, one process per file side by side."""
    if not context.options.micro:
        context.notes.append("TensorFlow Lite Micro was not asked: no arena is known.")
        return {}
    # of int16x8 the arena alone: its kernels are slow ones
    clips = {**dict.fromkeys(MICRO, context.test.features), "int16x8": context.test.features[:1]}
    with ThreadPoolExecutor(len(MICRO)) as pool:
        waiting: dict[str, Future[Micro]] = {
            name: pool.submit(run_micro, files[name], given, file_name(name))
            for name, given in clips.items()
            if name in files
        }
        try:
            return {name: future.result() for name, future in waiting.items()}
        except UserError as error:
            raise UserError(f"{error} Nothing was exported; --export.micro=false does without it.") from None


def _check_int8(context: Context, files: Mapping[str, bytes]) -> None:
    part = context.validation
    before, after = (run_litert(files[name], part.features) for name in MICRO)
    found = loss(before, after, part.labels, context.run.experiment.seed)
    if warning := check_loss(found, context.options.max_uar_loss):
        context.notes.append(f"WARNING: {warning}")
    context.about["int8_loss"] = asdict(found)


def _report(part: Part, file: bytes, outputs: np.ndarray, latency: float, micro: Micro | None) -> dict[str, Any]:
    about = describe(file)
    return report(
        **asdict(judge(outputs, part.reference, part.labels)),
        clips=len(part.labels),
        arena=micro and micro[1],
        micro=asdict(judge(micro[0], part.reference, part.labels)) if micro and len(micro[0]) == len(outputs) else None,
        latency_ms=latency,
        operators=dict(Counter(about.operators)),
        input=["features, scaled", *_form(about.inputs[0])],
        output=["probabilities", *_form(about.outputs[0])],
    )


def _form(tensor: Any) -> list[Any]:
    return [list(tensor.shape), tensor.type]


def _metadata(context: Context, file: bytes, result: Mapping[str, Any]) -> dict[str, Any]:
    about = describe(file)
    return {
        **origin(context),
        "kind": "classifier",
        "input": described(about.inputs[0]),
        "output": described(about.outputs[0]),
        "measured": {key: result[key] for key in ("wa", "uar", "clips")},
    }


def _estimate_npu(context: Context, file: bytes) -> None:
    if not ethos.available():
        context.notes.append("no estimate for Arm's NPU: pip install 'aersut[ethos]'.")
        return
    try:
        context.about["ethos"] = {
            accelerator: ethos.estimate(file, accelerator, file_name("int8")) for accelerator in ethos.ACCELERATORS
        }
    except UserError as error:  # an estimate more or less spoils no export
        context.notes.append(str(error))
