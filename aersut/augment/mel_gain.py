"""Random gain of a log-mel spectrogram."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.augment.example import Example
from aersut.augment.mel_bands import silent_frames
from aersut.augment.random_apply import apply_with_probability, check_probability, check_range, uniform
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS


@AUGMENTERS.register("mel_gain")
@dataclass(frozen=True)
class MelGain(Augmenter):
    """Random gain of a log-mel spectrogram in dB: the distance to the microphone, or its sensitivity.

    The gain is added to all cells, as `gain` before the spectrogram does. The floor does not move: no cell falls below
    it, and frames of digital silence stay there. Samples are not clipped. Use it before augmenters that change the
    floor, such as `equalize` and `spec_augment`.

    Attributes:
        db: lowest and highest gain in dB, drawn uniformly.
        floor_db: level of digital silence in dB; None for that of the features, 10 · log10 of the `amin` of `log_mel`.
        probability: probability of a change.
    """

    domain = "features"
    log_mel = True
    db: tuple[float, float] = (-30.0, 30.0)
    floor_db: float | None = None
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_range("db", self.db)
        check_probability(self.probability)

    def __call__(self, key: jax.Array, example: Example) -> Example:
        chance, amount = jax.random.split(key)
        floor_db = example.log_mel.floor(self.floor_db)

        def louder() -> Float[Array, "frames bands"]:
            gain = uniform(amount, self.db)
            changed = jnp.maximum(example.values + gain, floor_db)
            return jnp.where(silent_frames(example.values, floor_db)[:, None], example.values, changed)

        return apply_with_probability(chance, self.probability, example, louder)
