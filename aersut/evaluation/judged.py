"""What a model said of some clips: all that figures, breakdowns and most plots are made of."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from aersut import metrics
from aersut.contracts import Clip


@dataclass(frozen=True)
class Judged:
    """Clips with the probabilities that a model gave them.

    Attributes:
        labels: the class of each clip, an index into `emotions`.
        probabilities: of each class; a clip's add up to 1.
        emotions: the classes.
    """

    clips: tuple[Clip, ...]
    labels: Int[np.ndarray, " clips"]
    probabilities: Float[np.ndarray, "clips classes"]
    emotions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def predictions(self) -> Int[np.ndarray, " clips"]:
        """The likeliest class of each clip."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidences(self) -> Float[np.ndarray, " clips"]:
        """The probability of the likeliest class."""
        return self.probabilities.max(axis=1)

    @property
    def right(self) -> Bool[np.ndarray, " clips"]:
        return self.predictions == self.labels

    @property
    def speakers(self) -> list[str]:
        """Each clip's speaker, by the name over all corpora."""
        return [clip.speaker_id for clip in self.clips]

    @property
    def counts(self) -> Int[np.ndarray, "classes classes"]:
        """The confusion matrix: rows are true classes."""
        return metrics.confusion(self.labels, self.predictions, len(self.emotions))

    def where(self, chosen: Bool[np.ndarray, " clips"]) -> "Judged":
        """Some of the clips."""
        clips = tuple(clip for clip, taken in zip(self.clips, chosen, strict=True) if taken)
        return Judged(clips, self.labels[chosen], self.probabilities[chosen], self.emotions)


def pooled(parts: list[Judged]) -> Judged:
    """The clips of several verdicts as one, for folds whose test parts do not overlap."""
    return Judged(
        tuple(clip for part in parts for clip in part.clips),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        parts[0].emotions,
    )
