"""One training step."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float

from aersut.config import Loss
from aersut.features.frontend import Frontend
from aersut.training.loss import losses
from aersut.training.state import Graphs, TrainState

Figures = dict[str, Array]
Step = Callable[[TrainState, dict[str, Any]], tuple[TrainState, Figures]]


def make_train_step(
    graphs: Graphs,
    optimizer: optax.GradientTransformation,
    frontend: Frontend,
    key: jax.Array,
    loss: Loss | None = None,
    class_weights: Float[np.ndarray, " classes"] | None = None,
    ema: float = 0.0,
    precision: str = "float32",
) -> Step:
    """Return the jitted step (state, batch) → (state, {"loss", "accuracy"}); the state that it is given is used up.

    Augmentation draws from `key` and the step's number, so that a resumed run repeats nothing and skips nothing.

    Args:
        class_weights: all 1 by default.
        ema, precision: see `Experiment`.
    """
    optimizer = optax.with_extra_args_support(optimizer)
    weights = np.ones(frontend.classes, np.float32) if class_weights is None else class_weights

    def loss_of(
        params: nnx.State[Any, Any], rest: nnx.State[Any, Any], features: Array, target: Array
    ) -> tuple[Array, tuple[nnx.State[Any, Any], Array]]:
        # the gradient of a cast is a cast: it comes back in the weights' own precision
        cast = jax.tree.map(lambda leaf: leaf.astype(precision), params)
        network = nnx.merge(graphs.training, cast, rest, copy=True)
        logits = network(features.astype(precision)).astype(jnp.float32)
        mean = losses(logits, target, loss or Loss(), weights).mean()
        accuracy = jnp.mean(jnp.argmax(logits, axis=-1) == jnp.argmax(target, axis=1))
        return mean, (nnx.state(network, nnx.Not(nnx.Param)), accuracy)

    def gradient(
        state: TrainState, batch: dict[str, Array]
    ) -> tuple[nnx.State[Any, Any], nnx.State[Any, Any], Figures]:
        features, target = frontend.training_inputs(jax.random.fold_in(key, state.step), batch)
        (mean, (rest, accuracy)), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            state.params, state.rest, features, target
        )
        return gradients, rest, {"loss": mean, "accuracy": accuracy}

    def step(state: TrainState, batch: dict[str, Array]) -> tuple[TrainState, Figures]:
        gradients, rest, figures = gradient(state, batch)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params, value=figures["loss"])
        params = optax.apply_updates(state.params, updates)
        average = state.average
        if average is not None:
            decay = jnp.minimum(ema, (1 + state.step) / (10 + state.step))
            average = jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, average, params)
        return TrainState(state.step + 1, params, rest, opt_state, average), figures

    return jax.jit(step, donate_argnums=0)
