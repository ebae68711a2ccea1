"""Run exported files where they will run, in LiteRT and TensorFlow Lite Micro, and judge what they answer."""

import statistics
import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from aersut import metrics
from aersut.errors import UserError
from aersut.export.flatbuffer import Tensor, describe
from aersut.export.tflm import run_tflm
from aersut.litert import Model

TOLERANCE = 1e-4
"""The largest difference of a probability between the float32 file and JAX."""
RESAMPLINGS = 2_000
Probabilities = Float[np.ndarray, "clips classes"]


def stored(values: Float[np.ndarray, "*shape"], tensor: Tensor) -> np.ndarray:
    """Real values as a quantized tensor stores them, rounded and clipped; others are left as they are."""
    if tensor.scale is None or tensor.zero_point is None:
        return values
    limits = np.iinfo(tensor.type)
    return np.clip(np.round(values / tensor.scale) + tensor.zero_point, limits.min, limits.max).astype(tensor.type)


def real(values: np.ndarray, tensor: Tensor) -> Float[np.ndarray, "*shape"]:
    """What the stored values of a quantized tensor stand for."""
    if tensor.scale is None or tensor.zero_point is None:
        return values
    return (values.astype(np.float32) - tensor.zero_point) * tensor.scale


def run_litert(file: bytes, inputs: Float[np.ndarray, "clips *shape"]) -> Float[np.ndarray, "clips *out"]:
    """A file's real outputs for real inputs, in LiteRT, clip by clip on one thread."""
    return Model(file)(inputs)


def run_micro(
    file: bytes, inputs: Float[np.ndarray, "clips *shape"], name: str = "the file"
) -> tuple[Float[np.ndarray, "clips *out"], int]:
    """The same in TensorFlow Lite Micro, with the arena in bytes."""
    about = describe(file)
    # nothing is cleared between the clips, since nothing tells a board's programmer to
    ran = run_tflm(file, stored(inputs, about.inputs[0])[:, None], name, independent=False)
    return real(ran.outputs[:, 0], about.outputs[0]), ran.arena


def latency_ms(file: bytes, clip: Float[np.ndarray, "*shape"], repeats: int = 30) -> float:
    """The median time of one inference in LiteRT on one thread, in milliseconds."""
    run = Model(file).invoke
    given = stored(clip[None], describe(file).inputs[0])
    taken = []
    for _ in range(repeats + 3):
        begin = time.perf_counter()
        run(given)
        taken.append(time.perf_counter() - begin)
    return 1000 * statistics.median(taken[3:])


@dataclass(frozen=True)
class Agreement:
    """How a file's probabilities compare with JAX's.

    Attributes:
        difference: the largest, over all clips and classes.
        same: the share of clips that both give the same emotion.
    """

    difference: float
    same: float


def compare(file: Probabilities, reference: Probabilities) -> Agreement:
    """Compare a file's probabilities with the reference's."""
    return Agreement(
        difference=float(np.abs(file - reference).max()),
        same=float(np.mean(file.argmax(1) == reference.argmax(1))),
    )


@dataclass(frozen=True)
class Judgement:
    """What a file is worth on labelled clips, WA and UAR from 0 to 1, and how it agrees with JAX."""

    wa: float
    uar: float
    same: float
    difference: float


def judge(file: Probabilities, reference: Probabilities, labels: Int[np.ndarray, " clips"]) -> Judgement:
    """Judge a file's probabilities by the clips' labels and by JAX's probabilities."""
    counts = metrics.confusion(labels, file.argmax(1), file.shape[1])
    agreement = compare(file, reference)
    return Judgement(metrics.wa(counts), metrics.uar(counts), agreement.same, agreement.difference)


def refuse_difference(agreement: Agreement, where: str = "LiteRT") -> None:
    """Raise `UserError` where a float32 file does not do what JAX does."""
    if not agreement.difference <= TOLERANCE:
        raise UserError(
            f"the float32 file in {where} differs from JAX by {agreement.difference:.2g} in a probability, more than "
            f"{TOLERANCE}; nothing was exported. A model's operator must be converting wrongly."
        )


@dataclass(frozen=True)
class Loss:
    """What quantization costs: UAR before minus UAR after, 0 to 1, and the 95 % interval of it."""

    uar: float
    low: float
    high: float
    clips: int


def loss(before: Probabilities, after: Probabilities, labels: Int[np.ndarray, " clips"], seed: int = 0) -> Loss:
    """Compare two files on the same clips, by a paired bootstrap over them (Bisani & Ney 2004)."""
    rng = np.random.default_rng(seed)
    classes = before.shape[1]
    said = before.argmax(1), after.argmax(1)

    def difference(rows: Int[np.ndarray, " some"]) -> float:
        one, two = (metrics.uar(metrics.confusion(labels[rows], each[rows], classes)) for each in said)
        return one - two

    everything = np.arange(len(labels))
    drawn = [difference(rng.choice(everything, len(labels))) for _ in range(RESAMPLINGS)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Loss(difference(everything), float(low), float(high), len(labels))


def check_loss(found: Loss, most: float, few: int = 500) -> str:
    """Refuse an int8 file that is worse than float32 by more than `most` UAR even at the lower end of the interval.

    Returns:
        "" where all is well; a warning where it is that much worse on fewer than `few` clips, of which one can be a
        point of UAR.

    Raises:
        UserError: it is that much worse, on enough clips.
    """
    if (found.uar if found.clips < few else found.low) <= most:
        return ""
    what = (
        f"int8 loses {100 * found.uar:.1f} points of UAR against float32 on the {found.clips} clips of the validation "
        f"part (95 % interval {100 * found.low:.1f} to {100 * found.high:.1f}), more than {100 * most:g}"
    )
    if found.clips < few:
        return f"{what}; with fewer than {few} clips this is a warning only."
    raise UserError(
        f"{what}; nothing was exported. Calibrate with more clips (--export.calibration), or allow it with "
        "--export.max_uar_loss."
    )
