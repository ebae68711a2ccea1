"""The training step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float

from aersut.config import Experiment, Loss
from aersut.contracts import Optimizer
from aersut.features.frontend import Frontend, Scaling
from aersut.memo import memoized
from aersut.training.distillation import soft_targets
from aersut.training.loss import losses
from aersut.training.optimizers import Numbers, with_numbers, without_numbers
from aersut.training.state import Flat, Graphs, Params, TrainState, flattened, unflattened
from aersut.training.trained import Trained

T = TypeVar("T")
State = nnx.State[Any, Any]
StepMetrics = dict[str, Array]


@dataclass(frozen=True)
class StepSetup:
    """The setup of the training step.

    Attributes:
        experiment: its `epochs`, `loss`, `ema`, `precision` and `seed` are used.
        frontend: augments and scales the features.
        graphs: of the network.
        optimizer: the one whose state the train state has.
        steps: per epoch.
        class_weights: in the loss; None weighs all classes by 1.
        teacher: the soft targets of this network replace the labels, by plain cross-entropy: `experiment.loss` and
            `class_weights` were applied in the training of the teacher. None trains on the labels.
    """

    experiment: Experiment
    frontend: Frontend
    graphs: Graphs
    optimizer: Optimizer
    steps: int
    class_weights: Float[np.ndarray, " classes"] | None = None
    teacher: Trained | None = None

    def replicate(self, tree: T) -> T:
        """Copy a pytree to each device that the step uses."""
        return tree


@dataclass(frozen=True)
class _Definition:
    """What is compiled into a step. Steps of equal definitions share one compilation."""

    frontend: Frontend
    graphs: Graphs
    optimizer: Optimizer
    steps: int
    steps_per_epoch: int
    loss: Loss
    ema: float
    precision: str
    teacher: tuple[Graphs, Frontend] | None
    fingerprints: tuple[str, ...]
    """Of augmenters and features: what they read when they are traced, such as recordings, is compiled too."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Arguments:
    """What differs between runs of equal definitions, and is an argument of the compiled step.

    As constants, these values would make each run compile its own step.
    """

    key: jax.Array
    scaling: Scaling | None
    class_weights: Float[Array, " classes"]
    numbers: Numbers
    teacher: tuple[Params, State, Scaling | None] | None


@dataclass(frozen=True)
class Step:
    """A training step: (state, batch) → (state, {"loss", "accuracy"}). It donates the state's buffers.

    Attributes:
        jitted: the function that runs of equal definitions share, with `arguments` as its third argument.
        arguments: what differs between them.
    """

    jitted: Any
    arguments: _Arguments

    def __call__(self, state: TrainState, batch: dict[str, Any]) -> tuple[TrainState, StepMetrics]:
        new: tuple[TrainState, StepMetrics] = self.jitted(state, batch, self.arguments)
        return new

    def compile(self, state: TrainState, batch: dict[str, Any]) -> None:
        """Compile the step before its first call, from the shapes of the train state and of a batch on one device.

        The first call finds the result, unless the shapes, or the sharding of the state, differ from it.
        """
        self.jitted.lower(state, batch, self.arguments).compile()


def make_train_step(setup: StepSetup) -> Step:
    """Return the training step of a setup.

    Augmentation uses a key that is derived from the seed and the step's number, so that a resumed run continues the
    sequence of an uninterrupted one. A process compiles the step once for all runs that differ in seed, data, class
    weights and the optimizer's `traced` numbers only.
    """
    experiment, frontend, teacher = setup.experiment, setup.frontend, setup.teacher
    loss, class_weights = (experiment.loss, setup.class_weights) if teacher is None else (Loss(), None)
    optimizer, numbers = without_numbers(setup.optimizer)
    definition = _Definition(
        frontend.unscaled,
        setup.graphs,
        optimizer,
        setup.steps * experiment.epochs,
        setup.steps,
        loss,
        experiment.ema,
        experiment.precision,
        None if teacher is None else (teacher.graphs, teacher.frontend.unscaled),
        tuple(plugin.fingerprint() for plugin in (*frontend.augment, *frontend.features)),
    )
    arguments = _Arguments(
        jax.random.fold_in(jax.random.key(experiment.seed), 1),
        frontend.scaling,
        jnp.asarray(np.ones(frontend.classes, np.float32) if class_weights is None else class_weights),
        numbers,
        None if teacher is None else (teacher.state.weights, teacher.state.rest, teacher.frontend.scaling),
    )
    return Step(_compiled(definition), setup.replicate(arguments))


@memoized
def _compiled(definition: _Definition) -> Callable[..., tuple[TrainState, StepMetrics]]:
    graphs, precision = definition.graphs, definition.precision

    def step(state: TrainState, batch: dict[str, Array], arguments: _Arguments) -> tuple[TrainState, StepMetrics]:
        frontend = definition.frontend.with_scaling(arguments.scaling)
        optimizer = with_numbers(definition.optimizer, arguments.numbers)
        transformation = optax.with_extra_args_support(optimizer.build(definition.steps, definition.steps_per_epoch))
        examples = frontend.training_examples(jax.random.fold_in(arguments.key, state.step), batch)
        target = examples.label
        if definition.teacher is not None and arguments.teacher is not None:
            (teacher_graphs, teacher_frontend), (params, rest, scaling) = definition.teacher, arguments.teacher
            teacher_frontend = teacher_frontend.with_scaling(scaling)
            target = soft_targets(teacher_graphs, teacher_frontend, (params, rest), examples.values)
        features = frontend.scaled(examples.values).astype(precision)

        def loss_of(params: State) -> tuple[Array, tuple[State, Array]]:
            # the gradient of a cast is a cast: the gradients have the precision of the parameters
            cast = jax.tree.map(lambda leaf: leaf.astype(precision), params)
            network = graphs.network(cast, state.rest, training=True)
            logits = network(features).astype(jnp.float32)
            accuracy = jnp.mean(jnp.argmax(logits, axis=-1) == jnp.argmax(examples.label, axis=1))
            rest = graphs.rest(network)
            return losses(logits, target, definition.loss, arguments.class_weights).mean(), (rest, accuracy)

        (mean, (rest, accuracy)), gradients = jax.value_and_grad(loss_of, has_aux=True)(unflattened(state.params))
        if isinstance(state.params, Flat):
            gradients = flattened(gradients)
        updates, opt_state = transformation.update(gradients, state.opt_state, state.params, value=mean)
        params = optax.apply_updates(state.params, updates)
        average = state.average
        if average is not None:
            decay = jnp.minimum(definition.ema, (1 + state.step) / (10 + state.step))
            average = jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, average, params)
        return TrainState(state.step + 1, params, rest, opt_state, average), {"loss": mean, "accuracy": accuracy}

    return jax.jit(step, donate_argnums=0)
