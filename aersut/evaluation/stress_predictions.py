"""Predicted probabilities of clips under stress conditions.

A condition changes the whole recording at the experiment's sample rate, before silence is trimmed and the window is
cut, so that noise hinders trimming as it does for a user.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import xxhash
from jaxtyping import Float

from aersut.contracts import Clip, Condition, SkippedConditionError
from aersut.data.audio import (
    cleaned,
    clip_errors,
    cut,
    file_bytes,
    parse_recording,
    resample,
    to_float,
    to_int16,
)
from aersut.errors import UserError
from aersut.evaluation.predictor import RESTORE, Classifier, predictor
from aersut.progress import stage
from aersut.registry import CONDITIONS, describe_error
from aersut.texts import printable

BATCH = 128
"""Clips that are in memory at a time: the batch of the network, and twice the batch of the audio frontend."""
THREADS = 2

Probabilities = Float[np.ndarray, "clips classes"]


def stress_predictions(
    classifier: Classifier, clips: Sequence[Clip], conditions: Sequence[Condition], seed: int
) -> tuple[Probabilities, list[Probabilities | str]]:
    """Probabilities of the clips without a condition, and under each condition or the reason why it is skipped.

    Each recording is read once. Randomness depends on the seed, on the title of the condition and on the content of the
    clip. Shows its progress.

    Raises:
        UserError: a clip cannot be read, or a condition fails.
    """
    stressed = _Stressed(classifier, seed)
    clean, *outcomes = np.zeros((1 + len(conditions), len(clips), classifier.frontend.classes), np.float32)
    reasons: dict[int, str] = {}
    doing = f"evaluating {len(clips):,} clips under {len(conditions)} stress conditions"
    with stage(doing, len(clips) * (1 + len(conditions))) as shown, ThreadPoolExecutor(THREADS) as pool:
        for begin in range(0, len(clips), BATCH):
            rows = slice(begin, begin + BATCH)
            recordings = list(pool.map(stressed.read, clips[rows]))
            clean[rows] = stressed.clean(recordings)  # by itself: every thread that calls untraced code traces it
            shown.update(len(recordings))
            left = [index for index in range(len(conditions)) if index not in reasons]
            chosen = [conditions[index] for index in left]
            results = pool.map(stressed.under, chosen, [recordings] * len(chosen))
            for index, result in zip(left, results, strict=True):
                if isinstance(result, str):
                    reasons[index] = result
                else:
                    outcomes[index][rows] = result
                shown.update(len(recordings))
    return clean, [reasons.get(index, probabilities) for index, probabilities in enumerate(outcomes)]


@dataclass(frozen=True)
class _Clip:
    """An untrimmed recording at the experiment's sample rate, with the name and a hash of its file."""

    samples: Float[np.ndarray, " samples"]
    name: str
    content: str


class _Stressed:
    """Predicted probabilities of recordings, by the path of the audio store, the audio frontend and the network."""

    def __init__(self, classifier: Classifier, seed: int) -> None:
        self._predict = predictor(classifier).recordings
        self._framing, self._seed = classifier.frontend.framing, seed

    def read(self, clip: Clip) -> _Clip:
        """Decode and resample a clip."""
        with clip_errors(printable(clip.path), RESTORE):
            content = file_bytes(clip.path)
            # a level, or an SNR, is that of the sound: the offset would count as power
            recording = cut(parse_recording(content), clip.start, clip.end)
            samples = resample(cleaned(recording, None), self._framing.sample_rate)
        segment = clip.location.removeprefix(str(clip.path))
        return _Clip(samples, printable(clip.location), xxhash.xxh3_128_hexdigest(content) + segment)

    def clean(self, clips: list[_Clip]) -> Probabilities:
        """The probabilities without a condition."""
        return self._predict([_rounded(clip.samples) for clip in clips])

    def under(self, condition: Condition, clips: list[_Clip]) -> Probabilities | str:
        """The probabilities under a condition, or the reason why it is skipped."""
        try:
            changed = [_rounded(self._changed(condition, clip)) for clip in clips]
        except SkippedConditionError as error:
            return str(error)
        return self._predict(changed)

    def _changed(self, condition: Condition, clip: _Clip) -> Float[np.ndarray, " changed"]:
        rng = np.random.default_rng(
            [self._seed, xxhash.xxh3_64_intdigest(f"{condition.title}/{clip.content}".encode())]
        )
        try:
            samples = np.asarray(condition(rng, clip.samples, self._framing.sample_rate))
        except SkippedConditionError:
            raise
        except Exception as error:
            raise UserError(
                f"stress condition '{CONDITIONS.name_of(condition)}' failed on {clip.name}: {describe_error(error)}"
            ) from error
        if samples.ndim != 1 or not np.isfinite(samples).all():
            returned = f"shape {samples.shape}" if samples.ndim != 1 else "NaN or infinity"
            raise UserError(
                f"stress condition '{CONDITIONS.name_of(condition)}' returned {returned} for {clip.name}; expected "
                "finite samples f32[samples]. aersut.testing.check_condition finds such faults."
            )
        return samples


def _rounded(samples: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " samples"]:
    """Samples as a recorder of 16 bits stores them."""
    return to_float(to_int16(samples))
