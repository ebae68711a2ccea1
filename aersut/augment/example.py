"""The training example that augmenters change."""

import functools
from dataclasses import dataclass

import jax
from jaxtyping import Array, Float


@functools.partial(jax.tree_util.register_dataclass, data_fields=["values", "label"], meta_fields=["sample_rate"])
@dataclass(frozen=True)
class Example:
    """One training example, or a batch of examples along a first axis.

    Attributes:
        values: samples in [-1, 1], f32[samples], or base features, f32[frames, channels].
        label: distribution over the classes, f32[classes].
        sample_rate: sample rate of the waveform in Hz.
    """

    values: Float[Array, "..."]
    label: Float[Array, "*batch classes"]
    sample_rate: int = 22_050
