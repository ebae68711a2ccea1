"""The forward pass over many examples."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from aersut.features.frontend import Frontend
from aersut.training.state import Graphs, TrainState

BATCH = 128


class Forward:
    """Unscaled features to logits, jitted once, in batches of one shape.

    Attributes:
        frontend: whose scaling is applied.
    """

    def __init__(self, graphs: Graphs, frontend: Frontend) -> None:
        self.frontend = frontend

        def forward(params: nnx.State[Any, Any], rest: nnx.State[Any, Any], features: Array) -> Array:
            network = nnx.merge(graphs.evaluation, params, rest, copy=True)
            return network(frontend.scaled(features))

        self._forward: Callable[..., Array] = jax.jit(forward)

    def __call__(
        self, state: TrainState, features: Float[np.ndarray, "clips frames channels"]
    ) -> Float[np.ndarray, "clips classes"]:
        """The logits of any number of clips."""
        logits = []
        for begin in range(0, len(features), BATCH):
            batch = features[begin : begin + BATCH]
            padded = np.resize(
                batch, (BATCH, *batch.shape[1:])
            )  # one compiled shape; what is repeated is dropped again
            logits.append(np.asarray(self._forward(state.weights, state.rest, jnp.asarray(padded)))[: len(batch)])
        return np.concatenate(logits)


def softmax(logits: Float[np.ndarray, "clips classes"]) -> Float[np.ndarray, "clips classes"]:
    """Probabilities of logits."""
    return np.asarray(jax.nn.softmax(logits, axis=1))


def cross_entropy(logits: Float[np.ndarray, "clips classes"], labels: np.ndarray) -> float:
    """Mean cross-entropy in nats."""
    return float(-np.mean(np.asarray(jax.nn.log_softmax(logits, axis=1))[np.arange(len(labels)), labels]))
