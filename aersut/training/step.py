"""The training step."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float

from aersut.config import Experiment, Loss
from aersut.features.frontend import Frontend
from aersut.training.distillation import soft_targets
from aersut.training.loss import losses
from aersut.training.state import Graphs, TrainState
from aersut.training.trained import Trained

StepMetrics = dict[str, Array]
Step = Callable[[TrainState, dict[str, Any]], tuple[TrainState, StepMetrics]]


@dataclass(frozen=True)
class StepSetup:
    """The setup of the training step.

    Attributes:
        experiment: its `loss`, `ema`, `precision` and `seed` are used.
        frontend: augments and scales the features.
        graphs: of the network.
        optimizer: the one that the train state was created with.
        class_weights: in the loss; None weighs all classes by 1.
        teacher: the soft targets of this network replace the labels, by plain cross-entropy: `experiment.loss` and
            `class_weights` were applied in the training of the teacher. None trains on the labels.
    """

    experiment: Experiment
    frontend: Frontend
    graphs: Graphs
    optimizer: optax.GradientTransformation
    class_weights: Float[np.ndarray, " classes"] | None = None
    teacher: Trained | None = None


def make_train_step(setup: StepSetup) -> Step:
    """Return the jitted step (state, batch) → (state, {"loss", "accuracy"}), which donates the state's buffers.

    Augmentation uses a key that is derived from the seed and the step's number, so that a resumed run continues the
    sequence of an uninterrupted one.
    """
    experiment, frontend, graphs, teacher = setup.experiment, setup.frontend, setup.graphs, setup.teacher
    key = jax.random.fold_in(jax.random.key(experiment.seed), 1)
    optimizer = optax.with_extra_args_support(setup.optimizer)
    loss, class_weights = (experiment.loss, setup.class_weights) if teacher is None else (Loss(), None)
    if class_weights is None:
        class_weights = np.ones(frontend.classes, np.float32)

    def step(state: TrainState, batch: dict[str, Array], teacher_weights: Any) -> tuple[TrainState, StepMetrics]:
        examples = frontend.training_examples(jax.random.fold_in(key, state.step), batch)
        target = examples.label if teacher is None else soft_targets(teacher, teacher_weights, examples.values)
        features = frontend.scaled(examples.values).astype(experiment.precision)

        def loss_of(params: nnx.State[Any, Any]) -> tuple[Array, tuple[nnx.State[Any, Any], Array]]:
            # the gradient of a cast is a cast: the gradients have the precision of the parameters
            cast = jax.tree.map(lambda leaf: leaf.astype(experiment.precision), params)
            network = graphs.network(cast, state.rest, training=True)
            logits = network(features).astype(jnp.float32)
            accuracy = jnp.mean(jnp.argmax(logits, axis=-1) == jnp.argmax(examples.label, axis=1))
            rest = nnx.state(network, nnx.Not(nnx.Param))
            return losses(logits, target, loss, class_weights).mean(), (rest, accuracy)

        (mean, (rest, accuracy)), gradients = jax.value_and_grad(loss_of, has_aux=True)(state.params)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params, value=mean)
        params = optax.apply_updates(state.params, updates)
        average = state.average
        if average is not None:
            decay = jnp.minimum(experiment.ema, (1 + state.step) / (10 + state.step))
            average = jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, average, params)
        return TrainState(state.step + 1, params, rest, opt_state, average), {"loss": mean, "accuracy": accuracy}

    weights = () if teacher is None else (teacher.state.weights, teacher.state.rest)
    return functools.partial(jax.jit(step, donate_argnums=0), teacher_weights=weights)


def compile_step(step: Step, state: TrainState, batch: dict[str, Any]) -> None:
    """Compile a step before its first call, from the shapes of the train state and of a batch on one device.

    The first call finds the result, unless the shapes, or the sharding of the state, differ from it.
    """
    jitted: Any = step
    jitted.func.lower(state, batch, **jitted.keywords).compile()
