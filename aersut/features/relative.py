"""Level relative to the loudest part of the window."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.features.signal import Signal
from aersut.features.wrapper import Wrapper
from aersut.registry import FEATURES


@FEATURES.register("relative")
@dataclass(frozen=True)
class Relative(Wrapper):
    """Level normalization: another feature in dB minus its maximum over the window, or over the past.

    The gain of the microphone cancels; the level of each frame and band relative to the loudest one remains. A floor
    below the maximum, not below full scale, hides the same amount of noise at every gain:
    `librosa.power_to_db(S, ref=np.max, top_db=range_db)`.

    Attributes:
        of: a feature in dB: "log_mel" or "log_energy".
        range_db: floor in dB below the maximum; None for no floor.
        decay_db: None for the maximum over the window. Otherwise a running maximum, which streams: it follows the
            level up at once, and falls by this many dB per s.
    """

    range_db: float | None = 60.0
    decay_db: float | None = None

    def __post_init__(self) -> None:
        for name in ("range_db", "decay_db"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be above 0, or none, got {value}")

    @property
    def whole_utterance(self) -> bool:
        return self.decay_db is None or self.of.whole_utterance

    @property
    def recursive(self) -> bool:
        return self.decay_db is not None or self.of.recursive

    def __call__(self, signal: Signal) -> Float[Array, "frames channels"]:
        rows = signal.feature(self.of)
        if self.decay_db is None:
            level = jnp.max(rows, keepdims=True)
        else:
            fall = self.decay_db * signal.hop_seconds

            def step(state: Array, row: Array) -> tuple[Array, Array]:
                started, before = state[:1], state[1:] - fall
                level = jnp.maximum(row, row + started * (before - row))
                return jnp.concatenate([jnp.ones(1), level]), level

            level = signal.recursion(step, 2, jnp.max(rows, axis=1, keepdims=True))
        relative = rows - level
        return relative if self.range_db is None else jnp.maximum(relative, -self.range_db)
