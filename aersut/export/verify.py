"""Verification of exported files: metrics, agreement with JAX, latency, and the loss through quantization."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from aersut import metrics
from aersut.errors import UserError
from aersut.evaluation.intervals import MIN_SPEAKERS, Resampling
from aersut.tflite.file import TFLiteFile
from aersut.tflite.litert import LiteRTModel

TOLERANCE = 1e-4
"""The largest allowed difference of a probability between the float32 file and JAX."""
FEATURE_TOLERANCE = 1e-3
"""The largest allowed difference of a scaled feature between an exported audio frontend and training."""
REPEATS = 30
"""Measured inferences of a latency."""
FEW = 500
"""With fewer clips, the loss of quantization is a warning only."""
Probabilities = Float[np.ndarray, "clips classes"]


def latency_ms(file: TFLiteFile, clip: Float[np.ndarray, "*shape"]) -> float:
    """The median time of one inference in LiteRT on one thread, in milliseconds."""
    invoke, stored = LiteRTModel(file).invoke, file.inputs[0].quantize(clip[None])
    taken = []
    for _ in range(REPEATS + 3):
        begin = time.perf_counter()
        invoke(stored)
        taken.append(time.perf_counter() - begin)
    return 1000 * statistics.median(taken[3:])


@dataclass(frozen=True)
class FileMetrics:
    """Metrics of a file on labelled clips.

    Attributes:
        wa, uar: weighted accuracy and unweighted average recall, 0 to 1.
        agreement: fraction of clips with the same prediction as JAX, 0 to 1.
        difference: the largest difference of a probability from JAX, over all clips and classes.
    """

    wa: float
    uar: float
    agreement: float
    difference: float


def file_metrics(found: Probabilities, reference: Probabilities, labels: Int[np.ndarray, " clips"]) -> FileMetrics:
    """Evaluate a file's probabilities against the true labels and against JAX's probabilities."""
    counts = metrics.confusion(labels, found.argmax(1), found.shape[1])
    agreement = float(np.mean(found.argmax(1) == reference.argmax(1)))
    return FileMetrics(metrics.wa(counts), metrics.uar(counts), agreement, largest_difference(found, reference))


def largest_difference(found: Float[np.ndarray, "*shape"], reference: Float[np.ndarray, "*shape"]) -> float:
    """The largest absolute difference of two arrays; NaN where one holds NaN."""
    return float(np.abs(found - reference).max())


def check_float32(found: Probabilities, reference: Probabilities, interpreter: str = "LiteRT") -> None:
    """Raise `UserError` where the float32 file differs from JAX by more than `TOLERANCE`."""
    difference = largest_difference(found, reference)
    if not difference <= TOLERANCE:
        raise UserError(
            f"the float32 file in {interpreter} differs from JAX by {difference:.2g} in a probability, more than "
            f"{TOLERANCE}; nothing was exported. An operator of the model is converted incorrectly."
        )


def feature_difference(name: str, found: np.ndarray, expected: np.ndarray, hint: str) -> float:
    """The largest difference of a scaled feature that the file `name` computes; `UserError` above the tolerance."""
    difference = largest_difference(found, expected)
    if not difference <= FEATURE_TOLERANCE:
        raise UserError(
            f"{name} differs from the features of training by {difference:.2g}, more than {FEATURE_TOLERANCE}; nothing "
            "was exported. If recordings have a lower sample rate than framing.sample_rate, their empty bands differ "
            f"by rounding: lower it, or set fmax of the feature, and train again. {hint}"
        )
    return difference


@dataclass(frozen=True)
class QuantizationLoss:
    """UAR of float32 minus UAR of int8 (0 to 1) on `clips` clips, with its 95 % interval from `low` to `high`.

    The interval is None with too few speakers.
    """

    uar: float
    low: float | None
    high: float | None
    clips: int


def quantization_loss(
    before: Probabilities, after: Probabilities, labels: Int[np.ndarray, " clips"], speakers: Sequence[str]
) -> QuantizationLoss:
    """Compare two files on the same clips by a paired bootstrap over the speakers, as all intervals (`Resampling`).

    Unlike other intervals of UAR, it exists where an emotion has clips of one or two speakers only: without it, the
    export would not refuse a file that quantization has broken.
    """
    resampling, classes = Resampling.of(speakers), before.shape[1]
    predicted = [each.argmax(1) for each in (before, after)]
    one, two = (metrics.uar(metrics.confusion(labels, each, classes)) for each in predicted)
    first, second = (resampling.uar(labels, each, classes) for each in predicted)
    low, high = resampling.interval(one - two, first - second, least=-1.0) or (None, None)
    return QuantizationLoss(one - two, low, high, len(labels))


def check_quantization_loss(found: QuantizationLoss, most: float) -> str:
    """Refuse an int8 file that loses more than `most` UAR even at the lower end of the interval.

    Returns:
        A warning where the loss exceeds `most` without an interval, or on fewer than `FEW` clips, of which one can be a
        point of UAR; else "".

    Raises:
        UserError: the loss exceeds `most` on `FEW` or more clips.
    """
    certain = None if found.clips < FEW else found.low  # what the loss certainly exceeds
    if (found.uar if certain is None else certain) <= most:
        return ""
    interval = "too few speakers for an interval"
    if found.low is not None and found.high is not None:
        interval = f"95 % interval by speaker {100 * found.low:.1f} to {100 * found.high:.1f}"
    loss = (
        f"int8 loses {100 * found.uar:.1f} points of UAR against float32 on the {found.clips} clips of the validation "
        f"set ({interval}), more than {100 * most:g}"
    )
    if certain is None:
        return f"{loss}; with fewer than {FEW} clips or {MIN_SPEAKERS} speakers this is a warning only."
    raise UserError(
        f"{loss}; nothing was exported. Calibrate with more clips (--export.calibration), or allow the loss with "
        "--export.max_uar_loss."
    )
