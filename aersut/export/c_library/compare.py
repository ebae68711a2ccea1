"""The C library, compiled on this machine, against TensorFlow Lite Micro on the whole test set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int, Int8, Int16

from aersut import metrics
from aersut.errors import UserError
from aersut.export.c_library.host import FIXED_POINT, FLAGS, find_compiler, host_program
from aersut.export.c_library.library import CLibrary
from aersut.export.c_source import Pipeline
from aersut.tflite.micro import run_tflm

ELSEWHERE = "differ from TensorFlow Lite Micro's."
LARGEST_SHARE = 1e-3
"""Of features that may differ by a step where a Fourier transform replaces matrices."""


@dataclass(frozen=True)
class Verified:
    """Inputs and outputs of both models in TensorFlow Lite Micro, on the whole test set."""

    samples: Int16[np.ndarray, "frames one_and_frame_length"]
    features: Int8[np.ndarray, "frames channels"]
    windows: Int8[np.ndarray, "windows frames channels"]
    probabilities: Int8[np.ndarray, "windows classes"]
    labels: Int[np.ndarray, " windows"]


def compare(library: CLibrary, pipeline: Pipeline, found: Verified) -> dict[str, Any] | None:
    """Compile the library for this machine, and compare every output; None without a compiler.

    The probabilities must be equal. So must the features, unless the library has a Fourier transform in place of the
    matrices of `pipeline.frontend`: then one in a thousand may differ, by one step. What its fixed-point numbers
    change, on processors without an FPU, is measured.

    Raises:
        UserError: more differs, or the compiler fails.
    """
    compiler = find_compiler()
    if compiler is None:
        return None
    shape = found.features.reshape(-1, found.windows.shape[-1]).shape

    def features(flags: Sequence[str]) -> Int8[np.ndarray, "frames channels"]:
        with host_program(library.files, compiler, flags) as program:
            return program.frontend(found.samples, pipeline.framing.frames, shape[-1])

    with host_program(library.files, compiler) as program:
        probabilities = program.classifier(found.windows, len(pipeline.labels))
    if differing := int(np.count_nonzero(probabilities != found.probabilities.reshape(probabilities.shape))):
        raise UserError(f"{differing:,} of {probabilities.size:,} of its probabilities {ELSEWHERE}")
    result: dict[str, Any] = {
        "compiler": " ".join(compiler),
        "frames": len(found.samples),
        "windows": len(found.windows),
        "features_differing": _differing(features(FLAGS), found, exact=pipeline.fft is None),
    }
    if pipeline.fft:
        result["fixed_point"] = _fixed_point(library, pipeline, found, features((*FLAGS, FIXED_POINT)))
    return result


def _differing(features: Int8[np.ndarray, "frames channels"], found: Verified, exact: bool) -> float:
    """The fraction of features that differ from those of TensorFlow Lite Micro; `UserError` if they may not."""
    steps = np.abs(features.astype(int) - found.features.reshape(features.shape))
    share = float(np.mean(steps > 0))
    if steps.max() > (0 if exact else 1) or share > LARGEST_SHARE:
        raise UserError(
            f"{np.count_nonzero(steps):,} of {steps.size:,} of its features {ELSEWHERE[:-1]}, "
            f"by up to {steps.max()} steps."
        )
    return share


def _fixed_point(
    library: CLibrary, pipeline: Pipeline, found: Verified, features: Int8[np.ndarray, "frames channels"]
) -> dict[str, float]:
    """What the fixed-point Fourier transform changes: the fraction of other features, and the UAR of the test set."""
    windows = features.reshape(found.windows.shape)
    outputs = run_tflm(pipeline.classifier, windows).outputs.reshape(len(windows), -1)
    return {
        "features_differing": float(np.mean(features != found.features.reshape(features.shape))),
        **{
            name: metrics.uar(metrics.confusion(found.labels, rows.argmax(1), len(pipeline.labels)))
            for name, rows in (("uar", outputs), ("uar_float", found.probabilities.reshape(outputs.shape)))
        },
    }
