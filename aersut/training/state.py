"""Everything that changes while a network trains, as one pytree."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Int

from aersut.models.network import Network


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainState:
    """The train state.

    Attributes:
        step: steps taken, i32[].
        params: what the optimizer changes.
        rest: what the network itself changes: BatchNorm's averages, dropout's keys.
        opt_state: the optimizer's moments.
        average: the moving average of `params`, where there is one.
    """

    step: Int[Array, ""]
    params: nnx.State[Any, Any]
    rest: nnx.State[Any, Any]
    opt_state: optax.OptState
    average: nnx.State[Any, Any] | None = None

    @property
    def weights(self) -> nnx.State[Any, Any]:
        """What is evaluated and exported."""
        return self.params if self.average is None else self.average


@dataclass(frozen=True)
class Graphs:
    """The static halves of a network, in the two ways it is called; `nnx.merge` joins one with a state."""

    training: nnx.GraphDef[Network]
    evaluation: nnx.GraphDef[Network]


def create(
    network: Network, optimizer: optax.GradientTransformation, averaged: bool = False
) -> tuple[Graphs, TrainState]:
    """Split a freshly built network into its static part and the state of step 0.

    Args:
        averaged: whether there is to be a moving average of the weights.
    """
    training = nnx.graphdef(network)
    params, rest = nnx.state(network, nnx.Param), nnx.state(network, nnx.Not(nnx.Param))
    still: Any = {"deterministic": True, "use_running_average": True}
    evaluation = nnx.graphdef(nnx.view(network, raise_if_not_found=False, **still))
    average = jax.tree.map(jnp.copy, params) if averaged else None  # a buffer of its own: the step gives params away
    state = TrainState(jnp.zeros((), jnp.int32), params, rest, optimizer.init(params), average)
    return Graphs(training, evaluation), state
