"""One training step."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array

from aersut.features.frontend import Frontend
from aersut.training.state import Graphs, TrainState

Figures = dict[str, Array]
Step = Callable[[TrainState, dict[str, Any]], tuple[TrainState, Figures]]


def make_train_step(
    graphs: Graphs, optimizer: optax.GradientTransformation, frontend: Frontend, key: jax.Array
) -> Step:
    """Return the jitted step (state, batch) → (state, {"loss", "accuracy"}); the state that it is given is used up.

    Augmentation draws from `key` and the step's number, so that a resumed run repeats nothing and skips nothing.
    """

    def loss_of(
        params: nnx.State[Any, Any], rest: nnx.State[Any, Any], features: Array, target: Array
    ) -> tuple[Array, tuple[nnx.State[Any, Any], Array]]:
        network = nnx.merge(graphs.training, params, rest, copy=True)
        logits = network(features)
        loss = optax.softmax_cross_entropy(logits, target).mean()
        accuracy = jnp.mean(jnp.argmax(logits, axis=1) == jnp.argmax(target, axis=1))
        return loss, (nnx.state(network, nnx.Not(nnx.Param)), accuracy)

    def gradient(
        state: TrainState, batch: dict[str, Array]
    ) -> tuple[nnx.State[Any, Any], nnx.State[Any, Any], Figures]:
        features, target = frontend.training_inputs(jax.random.fold_in(key, state.step), batch)
        (loss, (rest, accuracy)), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            state.params, state.rest, features, target
        )
        return gradients, rest, {"loss": loss, "accuracy": accuracy}

    def update(state: TrainState, gradients: nnx.State[Any, Any], rest: nnx.State[Any, Any]) -> TrainState:
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        return TrainState(state.step + 1, optax.apply_updates(state.params, updates), rest, opt_state)

    def step(state: TrainState, batch: dict[str, Array]) -> tuple[TrainState, Figures]:
        gradients, rest, figures = gradient(state, batch)
        return update(state, gradients, rest), figures

    return jax.jit(step, donate_argnums=0)
