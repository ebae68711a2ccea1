"""The forward pass over any number of clips."""

import math
import operator
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from aersut.features.frontend import Frontend, Scaling
from aersut.memo import memoized
from aersut.models.network import Network
from aersut.training.packing import array_shape
from aersut.training.state import Graphs, Params, TrainState

T = TypeVar("T")
BATCH = 128


class Forward:
    """The forward pass from base features to logits, jitted once per process, in batches of one shape.

    Args:
        output: a function of the network and of scaled features; the default calls the network, for the logits. A
            new lambda in each call would be compiled again.
    """

    def __init__(
        self, graphs: Graphs, frontend: Frontend, output: Callable[[Network, Array], Array] = operator.call
    ) -> None:
        self._forward: Any = _compiled(graphs, frontend.unscaled, output)
        self._scaling = frontend.scaling

    def compile(self, state: TrainState, shape: tuple[int, int]) -> None:
        """Compile before the first call, from the shapes of the state and of one clip's base features."""
        batch = array_shape((BATCH, *shape), np.float32)
        self._forward.lower(state.weights, state.rest, self._scaling, batch).compile()

    def __call__(
        self, state: TrainState, features: Float[np.ndarray, "clips frames channels"]
    ) -> Float[np.ndarray, "clips classes"]:
        """The logits (or the other output) of any number of clips."""
        replicas = _replicas((state.weights, state.rest))

        def batch_output(number: int) -> np.ndarray:
            batch = features[number * BATCH : (number + 1) * BATCH]
            # the last batch is filled up by repetition, so that one shape is compiled; the repetitions are dropped
            padded = np.resize(batch, (BATCH, *batch.shape[1:]))
            return np.asarray(self._forward(*replicas[number % len(replicas)], self._scaling, padded))[: len(batch)]

        first = batch_output(0)  # by itself, since each thread that calls an untraced function would trace it
        # one batch per device; two on a CPU, where XLA leaves a core idle in the small operations of a recurrence
        with ThreadPoolExecutor(max(2, len(replicas))) as pool:
            rest = pool.map(batch_output, range(1, math.ceil(len(features) / BATCH)))
            return np.concatenate([first, *rest])


@memoized
def _compiled(graphs: Graphs, frontend: Frontend, output: Callable[[Network, Array], Array]) -> Callable[..., Array]:
    """One compilation for all runs of an architecture: weights and scaling are arguments."""

    def forward(params: Params, rest: nnx.State[Any, Any], scaling: Scaling | None, features: Array) -> Array:
        return output(graphs.network(params, rest), frontend.with_scaling(scaling).scaled(features))

    return jax.jit(forward)


def _replicas(tree: T) -> list[T]:
    """The copies of a replicated pytree on the devices of this process."""
    count = len(jax.tree.leaves(tree)[0].addressable_shards)
    return [jax.tree.map(lambda leaf, index=index: leaf.addressable_data(index), tree) for index in range(count)]


def cross_entropy(logits: Float[np.ndarray, "clips classes"], labels: np.ndarray) -> float:
    """Mean cross-entropy in nats."""
    return float(-np.mean(np.asarray(jax.nn.log_softmax(logits, axis=1))[np.arange(len(labels)), labels]))


def temperature(logits: Float[np.ndarray, "clips classes"], labels: np.ndarray) -> float:
    """The temperature T, from 0.1 to 10, with the lowest cross-entropy of logits / T (Guo et al. 2017).

    One more clip of each class with an unknown label counts, too (a fraction of each label is uniform): a few clips
    without an error do not make the classifier certain.

    >>> round(temperature(np.log([[0.9, 0.1]] * 1000), np.array([0] * 600 + [1] * 400)), 1)  # right in 60 %, not in 90
    5.4
    """
    sharpness, (count, classes) = 1.0, logits.shape
    logits = logits.astype(np.float64)
    unknown = classes / (count + classes)
    target = (1 - unknown) * logits[np.arange(count), labels] + unknown * logits.mean(axis=1)
    for _ in range(50):  # Newton's method: the cross-entropy is convex in 1 / T
        scaled = sharpness * logits
        probabilities = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        means = np.sum(probabilities * logits, axis=1)
        slope = np.mean(means - target)
        curvature = np.mean(np.sum(probabilities * np.square(logits), axis=1) - np.square(means))
        step = np.clip(slope / max(curvature, 1e-9), -sharpness / 2, sharpness / 2)
        sharpness = float(np.clip(sharpness - step, 0.1, 10.0))
        if abs(step) < 1e-6:
            break
    return 1 / sharpness
