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

HEAD = "head"
"""The attribute of a network that is its last linear layer."""
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
    """The static definitions of a network in training mode and in evaluation mode.

    Attributes:
        head_only: only the weights of the head are trainable; all others are part of the other state.
    """

    training: nnx.GraphDef[Network]
    evaluation: nnx.GraphDef[Network]
    head_only: bool = False

    def network(self, params: Params, rest: nnx.State[Any, Any], training: bool = False) -> Network:
        """Merge a definition with a state. Call it inside a traced function: a network belongs to one trace."""
        return nnx.merge(self.training if training else self.evaluation, unflattened(params), rest, copy=True)

    def rest(self, network: Network) -> nnx.State[Any, Any]:
        """The state of a network other than its trainable parameters."""
        return nnx.state(network, nnx.Not(_trainable(self.head_only)))


def create(
    network: Network, optimizer: optax.GradientTransformation, averaged: bool = False, head_only: bool = False
) -> tuple[Graphs, TrainState]:
    """Split a new network into its static definitions and the train state of step 0.

    Args:
        averaged: keep a moving average of the parameters.
        head_only: see `Graphs`.
    """
    graphs, params, rest = divided(network, head_only)
    return graphs, initial_state(params, rest, optimizer, averaged)


def divided(network: Network, head_only: bool = False) -> tuple[Graphs, nnx.State[Any, Any], nnx.State[Any, Any]]:
    """Divide a network into its static definitions, its trainable parameters and its other state.

    With `head_only`, BatchNorm uses its running averages in training, too: with the statistics of each batch, constant
    weights would not compute constant embeddings.
    """
    evaluation = nnx.graphdef(evaluation_view(network))
    if head_only:
        network = nnx.view(network, raise_if_not_found=False, use_running_average=True)
    graphs = Graphs(nnx.graphdef(network), evaluation, head_only)
    return graphs, nnx.state(network, _trainable(head_only)), graphs.rest(network)


def _trainable(head_only: bool) -> Any:
    """The filter of the trainable parameters; an ensemble has a head in each member."""
    return nnx.All(nnx.Param, nnx.PathContains(HEAD)) if head_only else nnx.Param


def initial_state(
    params: Params,
    rest: nnx.State[Any, Any],
    optimizer: optax.GradientTransformation,
    averaged: bool = False,
) -> TrainState:
    """The train state of step 0, with a moving average of the parameters if `averaged`."""
    average = jax.tree.map(jnp.copy, params) if averaged else None  # a copy, since the step donates the params' buffers
    return TrainState(jnp.zeros((), jnp.int32), params, rest, optimizer.init(params), average)
