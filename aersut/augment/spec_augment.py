"""SpecAugment: time and channel masks."""

import dataclasses
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from aersut.augment.example import Example
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("spec_augment")
@dataclass(frozen=True)
class SpecAugment(Augmenter):
    """SpecAugment (Park et al. 2019): random time and channel masks, without time warping.

    Masked cells get the mean of their channel over the clip, because features are not scaled yet. A mask covers
    adjacent channels, which suits spectrograms, and at most half of the frames or channels.

    Attributes:
        time_masks: number of time masks.
        time_width: largest width of a time mask in frames; drawn uniformly from 0.
        channel_masks: number of channel masks.
        channel_width: largest width of a channel mask in channels; drawn uniformly from 0.
    """

    domain = "features"
    time_masks: int = 2
    time_width: int = 20
    channel_masks: int = 2
    channel_width: int = 8

    def __post_init__(self) -> None:
        for name in ("time_masks", "channel_masks"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        for name in ("time_width", "channel_width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def __call__(self, key: jax.Array, example: Example) -> Example:
        frames, channels = example.values.shape
        over_time, over_channels = jax.random.split(key)
        time = _masked(over_time, frames, self.time_masks, self.time_width)
        channel = _masked(over_channels, channels, self.channel_masks, self.channel_width)
        mean = jnp.mean(example.values, axis=0, keepdims=True)
        masked = time[:, None] | channel[None, :]
        return dataclasses.replace(example, values=jnp.where(masked, mean, example.values))


def _masked(key: jax.Array, size: int, masks: int, width: int) -> Bool[Array, " size"]:
    widest = min(width, size // 2)
    # both from one draw: each call of the random generator takes as long as the masks
    for_width, for_begin = jax.random.uniform(key, (2, masks, 1))
    widths = jnp.floor(for_width * (widest + 1)).astype(jnp.int32)
    begins = jnp.floor(for_begin * (size - widths + 1)).astype(jnp.int32)
    indices = jnp.arange(size)
    return jnp.any((indices >= begins) & (indices < begins + widths), axis=0)
