"""Predictions of a classifier on labelled clips, from which all metrics and most plots are computed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from aersut import metrics
from aersut.contracts import Clip
from aersut.labels import CLIP_COLUMNS


@dataclass(frozen=True)
class ClipPredictions:
    """Clips with their true classes and predicted probabilities.

    Attributes:
        labels: true class of each clip, an index into `emotions`.
        probabilities: of each class; the probabilities of a clip sum to 1.
    """

    clips: tuple[Clip, ...]
    labels: Int[np.ndarray, " clips"]
    probabilities: Float[np.ndarray, "clips classes"]
    emotions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def predicted(self) -> Int[np.ndarray, " clips"]:
        """The most probable class of each clip."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidences(self) -> Float[np.ndarray, " clips"]:
        """The probability of the most probable class of each clip."""
        return self.probabilities.max(axis=1)

    @property
    def correct(self) -> Bool[np.ndarray, " clips"]:
        """Whether the predicted class of each clip is its true class."""
        return self.predicted == self.labels

    @property
    def speakers(self) -> list[str]:
        """Speaker of each clip, "corpus:speaker"."""
        return [clip.speaker_id for clip in self.clips]

    @property
    def confusion(self) -> Int[np.ndarray, "classes classes"]:
        """Confusion matrix: counts by true class (row) and predicted class (column)."""
        return metrics.confusion(self.labels, self.predicted, len(self.emotions))

    def records(self) -> list[dict[str, Any]]:
        """A row per clip, as in predictions.csv: its path, corpus, speaker, true and predicted emotion, probabilities.

        `pandas.DataFrame(predictions.records())` is the table.
        """
        columns = (*CLIP_COLUMNS, *self.emotions)
        return [
            dict(zip(columns, (*self._described(clip, label, row), *row.tolist()), strict=True))
            for clip, label, row in zip(self.clips, self.labels, self.probabilities, strict=True)
        ]

    def _described(self, clip: Clip, label: int, row: Float[np.ndarray, " classes"]) -> tuple[str, ...]:
        return clip.location, clip.corpus, clip.speaker, self.emotions[label], self.emotions[row.argmax()]

    def subset(self, chosen: Bool[np.ndarray, " clips"]) -> "ClipPredictions":
        """The predictions on the clips that the mask `chosen` selects."""
        clips = tuple(clip for clip, selected in zip(self.clips, chosen, strict=True) if selected)
        return ClipPredictions(clips, self.labels[chosen], self.probabilities[chosen], self.emotions)

    def exemplars(self) -> dict[str, int]:
        """The row of one clip of each true emotion: the clip with the highest probability of it."""
        scores = np.where(self.labels[:, None] == np.arange(len(self.emotions)), self.probabilities, -1.0)
        return {self.emotions[label]: int(scores[:, label].argmax()) for label in np.unique(self.labels)}


def pooled(folds: list[ClipPredictions]) -> ClipPredictions:
    """The predictions of several folds in one object; the test sets must not overlap."""
    return ClipPredictions(
        tuple(clip for fold in folds for clip in fold.clips),
        np.concatenate([fold.labels for fold in folds]),
        np.concatenate([fold.probabilities for fold in folds]),
        folds[0].emotions,
    )
