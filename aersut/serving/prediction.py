"""The prediction for a segment of audio, and the smoothing of predictions over time."""

from __future__ import annotations

import html
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float


UNCERTAIN = "uncertain"


@dataclass(frozen=True)
class Prediction:
    """The predicted emotion of a segment of audio.

    Attributes:
        start, end: of the segment, in seconds from the start of the recording.
        probabilities: by emotion, in the order of the classifier's labels; empty for silence (VAD).
        min_confidence: below this confidence, the emotion is "uncertain".
        warning: what makes the prediction unreliable: a low sample rate, clipping, damage of the file, a part that is
            not classified. A sentence about the recording, without its subject; or "".
    """

    start: float
    end: float
    probabilities: Mapping[str, float] = field(default_factory=dict)
    min_confidence: float = 0.0
    warning: str = ""

    @property
    def emotion(self) -> str | None:
        """The most probable emotion, or "uncertain"; None for silence."""
        if not self.probabilities:
            return None
        if self.confidence < self.min_confidence:
            return UNCERTAIN
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def confidence(self) -> float:
        """The probability of the most probable emotion; 0 for silence."""
        return max(self.probabilities.values(), default=0.0)

    def _repr_html_(self) -> str:
        """A bar for each emotion, which a notebook shows."""
        rows = "".join(
            f'<tr><td style="text-align: left">{html.escape(emotion)}</td><td style="text-align: left">'
            f'<div style="background: #0072b2; height: 0.8em; width: {200 * value:.0f}px"></div></td>'
            f"<td>{value:.0%}</td></tr>"
            for emotion, value in self.probabilities.items()
        )
        predicted = f"<b>{html.escape(self.emotion)}</b>" if self.emotion else "silence"
        return f"<p>{predicted}, {self.start:.1f} to {self.end:.1f} s</p><table>{rows}</table>"

    def as_json(self) -> dict[str, Any]:
        """The prediction as plain data: times rounded to 1 ms, probabilities to 6 digits."""
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "emotion": self.emotion,
            "confidence": round(self.confidence, 6),
            "probabilities": {emotion: round(value, 6) for emotion, value in self.probabilities.items()},
            "warning": self.warning,
        }


class Smoothing:
    """Moving average of the probabilities of consecutive windows.

    Attributes:
        seconds: length of the averaging interval; 0 disables smoothing.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._recent: deque[tuple[float, Float[np.ndarray, " classes"]]] = deque()

    def __call__(self, end: float, probabilities: Float[np.ndarray, " classes"]) -> Float[np.ndarray, " classes"]:
        """Add the probabilities of a window that ends at `end` seconds; return the average."""
        self._recent.append((end, probabilities))
        while self._recent[0][0] < end and self._recent[0][0] <= end - self.seconds:
            self._recent.popleft()
        return np.mean([values for _, values in self._recent], axis=0)


def by_label(labels: Sequence[str], probabilities: Float[np.ndarray, " classes"]) -> dict[str, float]:
    """Map each label to its probability."""
    return dict(zip(labels, map(float, probabilities), strict=True))
