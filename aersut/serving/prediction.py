"""What is heard in a stretch of sound."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Prediction:
    """The emotion of a stretch of sound.

    Attributes:
        start, end: where it lies in the recording, in seconds.
        probabilities: of each emotion, in the network's order; empty for silence, in which nobody is heard.
    """

    start: float
    end: float
    probabilities: Mapping[str, float] = field(default_factory=dict)

    @property
    def emotion(self) -> str | None:
        """The likeliest one; None for silence."""
        return max(self.probabilities, key=self.probabilities.__getitem__) if self.probabilities else None

    @property
    def confidence(self) -> float:
        """The probability of `emotion`; 0 for silence."""
        return max(self.probabilities.values(), default=0.0)

    def as_json(self) -> dict[str, Any]:
        """As plain data, rounded to what is worth writing down."""
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "emotion": self.emotion,
            "confidence": round(self.confidence, 6),
            "probabilities": {emotion: round(value, 6) for emotion, value in self.probabilities.items()},
        }


class Smoothing:
    """The mean of the probabilities of late.

    Attributes:
        seconds: how far back it reaches; 0 leaves each window to itself.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._recent: deque[tuple[float, Float[np.ndarray, " classes"]]] = deque()

    def __call__(self, end: float, probabilities: Float[np.ndarray, " classes"]) -> Float[np.ndarray, " classes"]:
        """Take in those of a window that ends at `end` seconds."""
        self._recent.append((end, probabilities))
        while self._recent[0][0] < end and self._recent[0][0] <= end - self.seconds:
            self._recent.popleft()
        return np.mean([values for _, values in self._recent], axis=0)


def named(labels: Sequence[str], probabilities: Float[np.ndarray, " classes"]) -> dict[str, float]:
    """Probabilities by the names of the emotions."""
    return dict(zip(labels, map(float, probabilities), strict=True))
