"""Features of windows of samples, in batches of one shape."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut.features.frontend import BATCH, Frontend


class WindowFeatures:
    """The function from any number of windows to their base features; several threads may call it.

    Args:
        batch: number of windows that are processed together. Fewer are filled up by repetition, so that one shape is
            compiled.
    """

    def __init__(self, frontend: Frontend, batch: int = BATCH) -> None:
        self._frontend, self._batch = frontend, batch
        self._transformed: Callable[..., tuple[Array, Array]] = jax.jit(frontend.transformed)

    def __call__(self, windows: Float[np.ndarray, "clips samples"]) -> Float[np.ndarray, "clips frames channels"]:
        """The base features of windows of samples in [-1, 1]."""
        parts = []
        for begin in range(0, len(windows), self._batch):
            some = windows[begin : begin + self._batch]
            audio, columns = self._transformed(jnp.asarray(np.resize(some, (self._batch, some.shape[1]))))
            parts.append(self._frontend.completed(np.asarray(audio)[: len(some)], np.asarray(columns)[: len(some)]))
        return np.concatenate(parts)
