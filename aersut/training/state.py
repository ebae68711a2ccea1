"""Everything that changes while a network trains, as one pytree."""

import math
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float, Int

from aersut.models.network import Network, evaluation_view

Params = Any
"""The parameters of a network, or something that the optimizer keeps for each of them: an `nnx.State` or a `Flat`."""


@dataclass(frozen=True)
class _Layout:
    """Where the leaves of a pytree are in its vector."""

    structure: jax.tree_util.PyTreeDef
    shapes: tuple[tuple[int, ...], ...]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Flat:
    """The leaves of a pytree as one vector, in their order.

    An optimizer that treats each weight alike then takes a few operations instead of a few for each of a hundred
    arrays, and each call of the step passes fewer arrays.
    """

    vector: Float[Array, " size"]
    layout: _Layout = field(metadata={"static": True})


def flattened(tree: Params) -> Params:
    """The pytree as a `Flat`, or unchanged if its leaves have several dtypes."""
    leaves, structure = jax.tree.flatten(tree)
    if len({leaf.dtype for leaf in leaves}) != 1:
        return tree
    vector = jnp.concatenate([leaf.reshape(-1) for leaf in leaves])
    return Flat(vector, _Layout(structure, tuple(leaf.shape for leaf in leaves)))


def unflattened(tree: Params) -> Any:
    """The pytree with each `Flat` in it in its original form; any other pytree unchanged."""

    def restored(node: Any) -> Any:
        if not isinstance(node, Flat):
            return node
        leaves, begin = [], 0
        for shape in node.layout.shapes:
            end = begin + math.prod(shape)
            leaves.append(node.vector[begin:end].reshape(shape))
            begin = end
        return jax.tree.unflatten(node.layout.structure, leaves)

    return jax.tree.map(restored, tree, is_leaf=lambda node: isinstance(node, Flat))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainState:
    """The train state.

    Attributes:
        step: number of steps so far, i32[].
        params: trainable parameters; in training, a `Flat` if the optimizer is `elementwise`.
        rest: other state of the network: BatchNorm's running averages, dropout's random keys.
        opt_state: state of the optimizer.
        average: exponential moving average of `params`; None without one.
    """

    step: Int[Array, ""]
    params: Params
    rest: nnx.State[Any, Any]
    opt_state: optax.OptState
    average: Params | None = None

    @property
    def weights(self) -> Params:
        """The parameters that are evaluated and exported: the moving average if there is one."""
        return self.params if self.average is None else self.average


@dataclass(frozen=True)
class Graphs:
    """The static definitions of a network in training mode and in evaluation mode."""

    training: nnx.GraphDef[Network]
    evaluation: nnx.GraphDef[Network]

    def network(self, params: Params, rest: nnx.State[Any, Any], training: bool = False) -> Network:
        """Merge a definition with a state. Call it inside a traced function: a network belongs to one trace."""
        return nnx.merge(self.training if training else self.evaluation, unflattened(params), rest, copy=True)


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
    params: Params,
    rest: nnx.State[Any, Any],
    optimizer: optax.GradientTransformation,
    averaged: bool = False,
) -> TrainState:
    """The train state of step 0, with a moving average of the parameters if `averaged`."""
    average = jax.tree.map(jnp.copy, params) if averaged else None  # a copy, since the step donates the params' buffers
    return TrainState(jnp.zeros((), jnp.int32), params, rest, optimizer.init(params), average)
