"""The forward pass over many examples."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from aersut.features.frontend import Frontend
from aersut.models.network import Network
from aersut.training.state import Graphs, TrainState

T = TypeVar("T")
BATCH = 128


def call(network: Network, features: Float[Array, "clips frames channels"]) -> Float[Array, "clips classes"]:
    """A network's logits."""
    return network(features)


class Forward:
    """Unscaled features to logits, jitted once, in batches of one shape.

    Attributes:
        frontend: whose scaling is applied.
    """

    def __init__(self, graphs: Graphs, frontend: Frontend, output: Callable[[Network, Array], Array] = call) -> None:
        """`output` is what is wanted of the network where it is not the logits: its embedding."""
        self.frontend = frontend

        def forward(params: nnx.State[Any, Any], rest: nnx.State[Any, Any], features: Array) -> Array:
            network = nnx.merge(graphs.evaluation, params, rest, copy=True)
            return output(network, frontend.scaled(features))

        self._forward: Callable[..., Array] = jax.jit(forward)

    def __call__(
        self, state: TrainState, features: Float[np.ndarray, "clips frames channels"]
    ) -> Float[np.ndarray, "clips classes"]:
        """The logits (or the other output) of any number of clips."""
        replicas = _replicas((state.weights, state.rest))

        def logits(number: int) -> np.ndarray:
            batch = features[number * BATCH : (number + 1) * BATCH]
            # one compiled shape; what is repeated is dropped again
            padded = np.resize(batch, (BATCH, *batch.shape[1:]))
            return np.asarray(self._forward(*replicas[number % len(replicas)], padded))[: len(batch)]

        first = logits(0)  # threads that meet an untraced function would each trace it
        # each device has a batch; a CPU has two, since XLA leaves a core idle in the small operations of a recurrence
        with ThreadPoolExecutor(max(2, len(replicas))) as pool:
            rest = pool.map(logits, range(1, math.ceil(len(features) / BATCH)))
            return np.concatenate([first, *rest])


def _replicas(tree: T) -> list[T]:
    """The copy of a pytree that each device of this process has."""
    count = len(jax.tree.leaves(tree)[0].addressable_shards)
    return [jax.tree.map(lambda leaf, place=place: leaf.addressable_data(place), tree) for place in range(count)]


def softmax(logits: Float[np.ndarray, "clips classes"]) -> Float[np.ndarray, "clips classes"]:
    """Probabilities of logits."""
    return np.asarray(jax.nn.softmax(logits, axis=1))


def cross_entropy(logits: Float[np.ndarray, "clips classes"], labels: np.ndarray) -> float:
    """Mean cross-entropy in nats."""
    return float(-np.mean(np.asarray(jax.nn.log_softmax(logits, axis=1))[np.arange(len(labels)), labels]))
