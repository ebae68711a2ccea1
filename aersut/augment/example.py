"""The training example that augmenters change."""

import functools
from dataclasses import dataclass

import jax
from jaxtyping import Array, Float


@dataclass(frozen=True)
class MelRange:
    """The range of the mel bands of base features, as in `mel`: lowest and highest frequency in Hz, and the scale.

    Attributes:
        fmax: None for half the sample rate.
    """

    fmin: float = 0.0
    fmax: float | None = None
    htk: bool = False


FULL_RANGE = MelRange()
"""From 0 Hz to half the sample rate on Slaney's scale, the default of `mel` and `log_mel`."""


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["values", "label"], meta_fields=["sample_rate", "mel"]
)
@dataclass(frozen=True)
class Example:
    """One training example, or a batch of examples along a first axis.

    Attributes:
        values: samples in [-1, 1], f32[samples], or base features, f32[frames, channels].
        label: distribution over the classes, f32[classes].
        sample_rate: sample rate of the waveform in Hz.
        mel: of base features that are a log-mel spectrogram.
    """

    values: Float[Array, "..."]
    label: Float[Array, "*batch classes"]
    sample_rate: int = 22_050
    mel: MelRange = FULL_RANGE
