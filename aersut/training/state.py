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
    """

    step: Int[Array, ""]
    params: nnx.State[Any, Any]
    rest: nnx.State[Any, Any]
    opt_state: optax.OptState


@dataclass(frozen=True)
class Graphs:
    """The static halves of a network, in the two ways it is called; `nnx.merge` joins one with a state."""

    training: nnx.GraphDef[Network]
    evaluation: nnx.GraphDef[Network]


def create(network: Network, optimizer: optax.GradientTransformation) -> tuple[Graphs, TrainState]:
    """Split a freshly built network into its static part and the state of step 0."""
    training = nnx.graphdef(network)
    params, rest = nnx.state(network, nnx.Param), nnx.state(network, nnx.Not(nnx.Param))
    still: Any = {"deterministic": True, "use_running_average": True}
    evaluation = nnx.graphdef(nnx.view(network, raise_if_not_found=False, **still))
    state = TrainState(jnp.zeros((), jnp.int32), params, rest, optimizer.init(params))
    return Graphs(training, evaluation), state
