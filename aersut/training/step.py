"""One training step."""

import functools
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
from aersut.training.teacher import TrainedTeacher

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
    teacher: TrainedTeacher | None = None,
) -> Step:
    """Return the jitted step (state, batch) → (state, {"loss", "accuracy"}); the state that it is given is used up.

    Augmentation draws from `key` and the step's number, so that a resumed run repeats nothing and skips nothing.

    Args:
        class_weights: all 1 by default.
        ema, precision: see `Experiment`.
        teacher: what it makes of the augmented examples is learned in place of their labels, by plain cross-entropy:
            what `loss` and `class_weights` do to labels has been done to its own.
    """
    optimizer = optax.with_extra_args_support(optimizer)
    if teacher is not None:
        loss, class_weights = None, None
    learned = () if teacher is None else teacher.state
    weights = np.ones(frontend.classes, np.float32) if class_weights is None else class_weights

    def loss_of(
        params: nnx.State[Any, Any], rest: nnx.State[Any, Any], features: Array, label: Array, target: Array
    ) -> tuple[Array, tuple[nnx.State[Any, Any], Array]]:
        # the gradient of a cast is a cast: it comes back in the weights' own precision
        cast = jax.tree.map(lambda leaf: leaf.astype(precision), params)
        network = nnx.merge(graphs.training, cast, rest, copy=True)
        logits = network(features.astype(precision)).astype(jnp.float32)
        mean = losses(logits, target, loss or Loss(), weights).mean()
        accuracy = jnp.mean(jnp.argmax(logits, axis=-1) == jnp.argmax(label, axis=1))
        return mean, (nnx.state(network, nnx.Not(nnx.Param)), accuracy)

    def gradient(
        state: TrainState, batch: dict[str, Array], learned: tuple[nnx.State[Any, Any], ...]
    ) -> tuple[nnx.State[Any, Any], nnx.State[Any, Any], Figures]:
        examples = frontend.training_examples(jax.random.fold_in(key, state.step), batch)
        target = examples.label if teacher is None else teacher(learned, examples.values)
        (mean, (rest, accuracy)), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            state.params, state.rest, frontend.scaled(examples.values), examples.label, target
        )
        return gradients, rest, {"loss": mean, "accuracy": accuracy}

    def step(
        state: TrainState, batch: dict[str, Array], learned: tuple[nnx.State[Any, Any], ...]
    ) -> tuple[TrainState, Figures]:
        gradients, rest, figures = gradient(state, batch, learned)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params, value=figures["loss"])
        params = optax.apply_updates(state.params, updates)
        average = state.average
        if average is not None:
            decay = jnp.minimum(ema, (1 + state.step) / (10 + state.step))
            average = jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, average, params)
        return TrainState(state.step + 1, params, rest, opt_state, average), figures

    return functools.partial(jax.jit(step, donate_argnums=0), learned=learned)
