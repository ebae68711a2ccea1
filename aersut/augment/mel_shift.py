"""Time shift of a spectrogram."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.augment.example import Example
from aersut.augment.random_apply import apply_with_probability, check_probability
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("mel_shift")
@dataclass(frozen=True)
class MelShift(Augmenter):
    """Time shift of a spectrogram within its window; frames beyond the window are lost.

    The gap is filled with the quietest frame of the clip, the one with the lowest mean: its background noise, or
    digital silence if the window is padded.

    Attributes:
        frames: largest shift in frames, in both directions, drawn uniformly.
        probability: probability of a change.
    """

    domain = "features"
    frames: int = 20
    probability: float = 1.0

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ValueError(f"frames must be at least 1, got {self.frames}")
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, amount = jax.random.split(key)
        values = example.values
        frames = len(values)
        most = min(frames, self.frames)

        def shifted() -> Float[Array, "frames channels"]:
            source = jnp.arange(frames) - jax.random.randint(amount, (), -most, most + 1)
            quietest = jnp.argmin(jnp.mean(values, axis=1))
            return values[jnp.where((source >= 0) & (source < frames), source, quietest)]

        return apply_with_probability(chance, self.probability, example, shifted)
