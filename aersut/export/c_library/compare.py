"""The C library, compiled on this machine, against TensorFlow Lite Micro on the whole test set."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int8, Int16

from aersut.errors import UserError
from aersut.export.c_library.host import FIXED_POINT, FLAGS, find_compiler, host_program
from aersut.export.c_library.library import CLibrary
from aersut.export.c_source import Pipeline

ELSEWHERE = "differ from TensorFlow Lite Micro's."
LARGEST_FRACTION = 0.1
"""Of features that may differ by a step where a Fourier transform replaces matrices: few do in recorded speech, but the
weak bands of a tone without noise have the rounding errors of float32."""


@dataclass(frozen=True)
class Verified:
    """Inputs and outputs of both models in TensorFlow Lite Micro, on the whole test set."""

    samples: Int16[np.ndarray, "frames one_and_frame_length"]
    features: Int8[np.ndarray, "frames channels"]
    windows: Int8[np.ndarray, "windows frames channels"]
    probabilities: Int8[np.ndarray, "windows classes"]


def compare(library: CLibrary, pipeline: Pipeline, found: Verified) -> dict[str, Any] | None:
    """Compile the library for this machine, and compare every output; None without a compiler.

    The probabilities must be equal. So must the features, unless the library has a Fourier transform in place of the
    matrices of `pipeline.frontend`: then some may differ by one step, and the library is compiled once more as for
    processors without an FPU.

    Raises:
        UserError: more differs, the self-test fails, or the compiler fails.
    """
    compiler = find_compiler()
    if compiler is None:
        return None
    result: dict[str, Any] = {
        "compiler": " ".join(compiler), "frames": len(found.samples), "windows": len(found.windows)
    }  # fmt: skip
    builds: dict[str, tuple[str, ...]] = {"features_differing": FLAGS}
    if pipeline.fft:
        builds["features_differing_without_fpu"] = (*FLAGS, FIXED_POINT)
    for name, flags in builds.items():
        with host_program(library.files, compiler, flags) as program:
            features = program.frontend(found.samples, pipeline.framing.frames, found.windows.shape[-1])
            result[name] = _differing(features, found, exact=pipeline.fft is None)
            if flags == FLAGS:
                _check_probabilities(program.classifier(found.windows, len(pipeline.labels)), found)
            program.self_test()
    return result


def _differing(features: Int8[np.ndarray, "frames channels"], found: Verified, exact: bool) -> float:
    """The fraction of features that differ from those of TensorFlow Lite Micro; `UserError` if they may not."""
    steps = np.abs(features.astype(int) - found.features.reshape(features.shape))
    fraction = float(np.mean(steps > 0))
    if steps.max() > (0 if exact else 1) or fraction > LARGEST_FRACTION:
        raise UserError(
            f"{np.count_nonzero(steps):,} of {steps.size:,} of its features {ELSEWHERE[:-1]}, "
            f"by up to {steps.max()} steps."
        )
    return fraction


def _check_probabilities(probabilities: Int8[np.ndarray, "windows classes"], found: Verified) -> None:
    if differing := int(np.count_nonzero(probabilities != found.probabilities.reshape(probabilities.shape))):
        raise UserError(f"{differing:,} of {probabilities.size:,} of its probabilities {ELSEWHERE}")
