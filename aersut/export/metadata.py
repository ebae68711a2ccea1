"""Metadata inside each .tflite file of the bundle, and the report of the file in export.json."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Array, Float

import aersut
from aersut.export.context import Context
from aersut.export.runtimes import Runtime
from aersut.run_folder import identifier
from aersut.tflite.file import Tensor, TFLiteFile
from aersut.training.initial_weights import corpus_licences
from aersut.tree import to_tree

Kind = Literal["classifier", "features", "waveform", "frontend", "ring"]
MEANING: dict[Kind, tuple[str, str]] = {
    "classifier": ("scaled features", "probabilities"),
    "features": ("samples", "scaled features"),
    "waveform": ("samples", "probabilities"),
    "frontend": ("previous sample, then the samples of one frame", "scaled features of one frame"),
    "ring": ("frames of the frontend file", "probabilities"),
}
"""Input and output of each kind of file."""
FIELDS = ("bytes", "arena", "latency_ms", "wa", "uar", "agreement", "difference", "operators", "runtimes")
"""Entries of every file's report in export.json; null where one does not apply."""


def documented(
    context: Context, file: TFLiteFile, kind: Kind, runtimes: Sequence[Runtime], **measured: Any
) -> TFLiteFile:
    """The file with its metadata; its report, including the results in `measured`, is added to `context.reports`.

    Args:
        runtimes: that run the file.
    """
    [source, *state], [result, *_] = file.inputs, file.outputs
    metadata = {
        **run_metadata(context),
        "kind": kind,
        "runtimes": list(runtimes),
        "input": _tensor_metadata(source),
        "output": _tensor_metadata(result),
        **({"state": _tensor_metadata(state[0])} if state else {}),
        "measured": {key: measured[key] for key in ("wa", "uar", "clips")} if "wa" in measured else None,
    }
    finished = file.with_metadata(metadata)
    context.reports[file.name] = {
        **dict.fromkeys(FIELDS),
        **measured,
        "runtimes": list(runtimes),
        "bytes": len(finished.content),
        "operators": dict(Counter(file.operators)),
        "input": [MEANING[kind][0], list(source.shape), source.type],
        "output": [MEANING[kind][1], list(result.shape), result.type],
    }
    return finished


def run_metadata(context: Context) -> dict[str, Any]:
    """Labels, audio frontend, data and origin of the model: the metadata that all files of an export share."""
    experiment, frontend = context.run.experiment, context.trained.frontend
    scaling = frontend.scaling
    return {
        "aersut": aersut.__version__,
        "labels": context.labels,
        "sample_rate": experiment.framing.sample_rate,
        "framing": to_tree(experiment.framing),
        "trim_db": experiment.data.trim_db,
        "fit": experiment.data.fit,
        "features": to_tree(experiment.features),
        "scaling": scaling and {"mean": _digits(scaling.mean), "deviation": _digits(scaling.deviation)},
        "per_utterance": frontend.per_utterance,
        "run": identifier(context.run),
        "epoch": context.trained.epoch,
        "protocol": context.prepared.split.protocol,
        "leaks": context.prepared.split.leaks,
        "synthetic": context.run.synthetic,
        "corpora": corpus_licences(context.run),
    }


def _digits(values: Float[Array | np.ndarray, " channels"]) -> list[float]:
    """Values in as few digits as single precision needs, since they occupy the flash of a microcontroller."""
    return [float(str(value)) for value in np.asarray(values, np.float32)]


def _tensor_metadata(tensor: Tensor) -> dict[str, Any]:
    quantization = {"scale": tensor.scale, "zero_point": tensor.zero_point}
    return {"shape": list(tensor.shape), "dtype": tensor.type, **quantization}
