"""The training example that augmenters change."""

import functools
from dataclasses import dataclass

import jax
from jaxtyping import Array, Float


@dataclass(frozen=True)
class LogMelScale:
    """What the values of a log-mel spectrogram stand for. The defaults are those of `log_mel`, and of a hop of 32 ms.

    Attributes:
        fmin: lower edge of the lowest band in Hz.
        fmax: upper edge of the highest band in Hz; None for half the sample rate.
        htk: the bands are even on HTK's mel scale instead of Slaney's.
        floor_db: level of digital silence in dB.
        hop_seconds: time between adjacent frames in s.
    """

    fmin: float = 0.0
    fmax: float | None = None
    htk: bool = False
    floor_db: float = -100.0
    hop_seconds: float = 0.032

    def floor(self, given: float | None) -> float:
        """The floor that a field of an augmenter gives, in dB; None stands for that of the features."""
        return self.floor_db if given is None else given


STANDARD = LogMelScale()
"""That of `log_mel` with its defaults, at a hop of 32 ms."""


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["values", "label"], meta_fields=["sample_rate", "log_mel"]
)
@dataclass(frozen=True)
class Example:
    """One training example, or a batch of examples along a first axis.

    Attributes:
        values: samples in [-1, 1], f32[samples], or base features, f32[frames, channels].
        label: distribution over the classes, f32[classes].
        sample_rate: sample rate of the waveform in Hz.
        log_mel: the scale of base features that are a log-mel spectrogram.
    """

    values: Float[Array, "..."]
    label: Float[Array, "*batch classes"]
    sample_rate: int = 22_050
    log_mel: LogMelScale = STANDARD
