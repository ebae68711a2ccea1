"""Everything that changes while a network trains, as one pytree."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Int

from aersut.models.network import Network, evaluation_view


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainState:
    """The train state.

    Attributes:
        step: number of steps so far, i32[].
        params: trainable parameters.
        rest: other state of the network: BatchNorm's running averages, dropout's random keys.
        opt_state: state of the optimizer.
        average: exponential moving average of `params`; None without one.
    """

    step: Int[Array, ""]
    params: nnx.State[Any, Any]
    rest: nnx.State[Any, Any]
    opt_state: optax.OptState
    average: nnx.State[Any, Any] | None = None

    @property
    def weights(self) -> nnx.State[Any, Any]:
        """The parameters that are evaluated and exported: the moving average if there is one."""
        return self.params if self.average is None else self.average


@dataclass(frozen=True)
class Graphs:
    """The static definitions of a network in training mode and in evaluation mode."""

    training: nnx.GraphDef[Network]
    evaluation: nnx.GraphDef[Network]

    def network(self, params: nnx.State[Any, Any], rest: nnx.State[Any, Any], training: bool = False) -> Network:
        """Merge a definition with a state. Call it inside a traced function: a network belongs to one trace."""
        return nnx.merge(self.training if training else self.evaluation, params, rest, copy=True)


def create(
    network: Network, optimizer: optax.GradientTransformation, averaged: bool = False
) -> tuple[Graphs, TrainState]:
    """Split a new network into its static definitions and the train state of step 0.

    Args:
        averaged: keep a moving average of the parameters.
    """
    graphs, params, rest = divided(network)
    return graphs, initial_state(params, rest, optimizer, averaged)


def divided(network: Network) -> tuple[Graphs, nnx.State[Any, Any], nnx.State[Any, Any]]:
    """Divide a network into its static definitions, its trainable parameters and its other state."""
    params, rest = nnx.state(network, nnx.Param), nnx.state(network, nnx.Not(nnx.Param))
    return Graphs(nnx.graphdef(network), nnx.graphdef(evaluation_view(network))), params, rest


def initial_state(
    params: nnx.State[Any, Any],
    rest: nnx.State[Any, Any],
    optimizer: optax.GradientTransformation,
    averaged: bool = False,
) -> TrainState:
    """The train state of step 0, with a moving average of the parameters if `averaged`."""
    average = jax.tree.map(jnp.copy, params) if averaged else None  # a copy, since the step donates the params' buffers
    return TrainState(jnp.zeros((), jnp.int32), params, rest, optimizer.init(params), average)
