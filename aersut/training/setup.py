"""The setup of a training: all that a run needs before its first step."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import numpy as np
from flax import nnx
from jaxtyping import Float

from aersut.config import Experiment
from aersut.contracts import Model, Optimizer
from aersut.data.pipeline import AudioSource, Batch, ExampleSource, FeatureSource, sampling_groups, training_batches
from aersut.errors import UserError
from aersut.features.frontend import Scaling
from aersut.memo import memoized
from aersut.run import Division, Prepared, divide, make_frontend, network_errors, prepare, with_classes
from aersut.run_folder import Run
from aersut.training.devices import Devices
from aersut.training.initial_weights import InitialWeights, check_unseen, read_initial_weights
from aersut.training.loss import class_weights
from aersut.training.optimizers import with_numbers, without_numbers
from aersut.training.packing import array_shape, with_sharding
from aersut.training.soft_labels import mixed_labels
from aersut.training.state import Graphs, TrainState, divided, flattened, initial_state
from aersut.training.step import StepSetup

if TYPE_CHECKING:
    import grain

ONCE = {"xla_backend_optimization_level": 1}
"""XLA's options for code that runs once: compiling it takes longer than running it."""
T = TypeVar("T")
State = nnx.State[Any, Any]


class InitialNetwork:
    """The network of an experiment with its initial weights, compiled and computed in a thread, beside other work.

    Its attributes raise `UserError` if the network cannot be built.

    Args:
        computed: compute the weights at once; otherwise only when they are needed.
    """

    def __init__(self, experiment: Experiment, computed: bool = True) -> None:
        self._experiment = experiment
        pool = ThreadPoolExecutor(1)
        self._traced = pool.submit(self._trace)
        self._values = pool.submit(self._compute) if computed else None
        pool.shutdown(wait=False)

    @property
    def graphs(self) -> Graphs:
        """The static definitions of the network."""
        return self._traced.result().graphs

    @property
    def shapes(self) -> tuple[State, State]:
        """Shapes of the parameters and of the other state, which are known before the values are."""
        return self._traced.result().shapes

    @property
    def values(self) -> tuple[State, State]:
        """Initial values of the parameters and of the other state."""
        return self._compute() if self._values is None else self._values.result()

    def _trace(self) -> "_TracedNetwork":
        experiment, frontend = self._experiment, make_frontend(self._experiment)
        with network_errors(experiment.model):
            head_only = experiment.init.trainable == "head"
            return _traced_network(experiment.model, frontend.shape, frontend.classes, head_only)

    def _compute(self) -> tuple[State, State]:
        return self._traced.result().compiled(jax.random.key(self._experiment.seed))


@dataclass(frozen=True)
class _TracedNetwork:
    """A traced network: its definitions, its jitted initialization by a random key, and the shapes of its states."""

    graphs: Graphs
    compiled: Callable[[jax.Array], tuple[State, State]]
    shapes: tuple[State, State]


@memoized
def _traced_network(model: Model, shape: tuple[int, int], classes: int, head_only: bool) -> _TracedNetwork:
    """One compilation for all seeds, cached for later processes, instead of one per initializer."""
    graphs: list[Graphs] = []

    def initialize(key: jax.Array) -> tuple[State, State]:
        found, params, rest = divided(model.build(*shape, classes, nnx.Rngs(key)), head_only)
        graphs.append(found)
        return params, rest

    compiled = jax.jit(initialize, compiler_options=ONCE)
    shapes: tuple[State, State] = compiled.eval_shape(jax.random.key(0))  # type: ignore[no-untyped-call]
    return _TracedNetwork(graphs[0], compiled, shapes)


@memoized
def _compiled_state(optimizer: Optimizer, steps: int, steps_per_epoch: int, averaged: bool) -> Any:
    """One compilation of the state of step 0 for all values of the optimizer's traced numbers."""

    def initialize(params: State, rest: State, numbers: dict[str, jax.Array]) -> TrainState:
        transformation = with_numbers(optimizer, numbers).build(steps, steps_per_epoch)
        if optimizer.elementwise:
            params = flattened(params)
        return initial_state(params, rest, transformation, averaged)

    return jax.jit(initialize, compiler_options=ONCE)


@dataclass(frozen=True, kw_only=True)
class TrainingSetup(StepSetup):
    """The setup of a training: that of its step, with the data and the devices.

    Attributes:
        prepared: the data, split, as features.
        devices: over which batches are sharded.
        network: with its initial weights.
        targets: label distribution of each training example; None for those of the clips' labels.
        initial: weights of another model, which replace those of `network`.
    """

    prepared: Prepared
    devices: Devices
    network: InitialNetwork
    targets: Float[np.ndarray, "examples classes"] | None = None
    initial: InitialWeights | None = None

    def replicate(self, tree: T) -> T:
        return self.devices.replicate(tree)

    def with_scaling(self, scaling: Scaling | None) -> "TrainingSetup":
        """The setup with the scaling that its weights were trained with, instead of that of its own training set."""
        frontend = self.frontend.with_scaling(scaling)
        return replace(self, frontend=frontend, prepared=replace(self.prepared, frontend=frontend))

    def _state_function(self) -> tuple[Any, dict[str, jax.Array]]:
        optimizer, numbers = without_numbers(self.optimizer)
        experiment = self.experiment
        return _compiled_state(optimizer, self.steps * experiment.epochs, self.steps, experiment.ema > 0), numbers

    def state_shapes(self) -> TrainState:
        """Shapes, dtypes and sharding of the train state, which are known before its initial values are."""
        initialize, numbers = self._state_function()
        shapes: TrainState = initialize.eval_shape(*self.network.shapes, numbers)
        sharding = self.devices.replicated or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        return with_sharding(shapes, sharding)

    def initial_state(self) -> TrainState:
        """The train state of step 0, on all devices."""
        initialize, numbers = self._state_function()
        states = self.network.values
        if self.initial is not None:
            emotions = self.experiment.data.emotions
            states = self.initial.applied(states[0], emotions), self.initial.applied(states[1], emotions)
        return self.replicate(initialize(*states, numbers))

    def batch_shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shapes and dtypes of a batch."""
        size, frontend = self.experiment.batch_size, self.frontend
        if self.experiment.on_the_fly:
            values = {"audio": array_shape((size, frontend.framing.samples), np.int16)}
        else:
            values = {"features": array_shape((size, *frontend.base_shape), np.float32)}
        if self.targets is not None:
            return {**values, "label": array_shape((size, frontend.classes), np.float32)}
        return {**values, "label": array_shape((size,), np.int32)}

    def batches(self) -> "grain.DatasetIterator[Batch]":
        """The training batches, endlessly; of each, the part that this process loads."""
        experiment, prepared = self.experiment, self.prepared
        examples = prepared.split.examples("train")
        labels = prepared.labels[examples[:, 0]]
        targets = labels if self.targets is None else self.targets
        source: ExampleSource = FeatureSource(prepared.table, examples, targets)
        if experiment.on_the_fly:
            source = AudioSource(prepared.collection, examples, targets)
        corpora = [prepared.collection.clips[clip].corpus for clip in examples[:, 0]]
        groups = sampling_groups(experiment.sampling, labels, corpora)
        shard = jax.process_index(), jax.process_count()
        return training_batches(source, experiment.batch_size, experiment.seed, groups, shard)


def checked_steps(run: Run, divided: Division, network: InitialNetwork, initial: InitialWeights | None) -> int:
    """The number of training steps of an epoch, after the checks of a training that need no features.

    Raises:
        UserError: the network cannot be built, the initial weights do not fit it or were trained on the test set, the
            training set has fewer examples than a batch, a batch cannot be divided among the devices, or an encoder
            cannot be used.
    """
    experiment, size = divided.experiment, divided.experiment.batch_size
    shapes = network.shapes
    if initial is not None:
        initial.check(experiment, shapes)
        check_unseen(initial.origin, divided.collection, divided.split)
    examples = len(divided.split.examples("train"))
    if examples < size:
        raise UserError(
            f"experiment.batch_size: {size} is more than the {examples} examples of the training set: set "
            f"--experiment.batch_size={examples}, or less."
        )
    Devices(size)
    if _has_soft_labels(experiment) and not run.soft_labels.exists():
        for encoder in experiment.encoders:
            encoder.check()
    return examples // size


def _has_soft_labels(experiment: Experiment) -> bool:
    """Whether the labels are mixed with those of encoders; a student's labels are its teacher's soft targets."""
    return bool(experiment.encoders) and experiment.teacher is None


def set_up(
    run: Run,
    optimizer: Optimizer | None = None,
    network: InitialNetwork | None = None,
    divided: Division | None = None,
    resumed: bool = False,
) -> TrainingSetup:
    """Prepare the data of a run, and initialize its network beside it.

    Args:
        optimizer: replaces the experiment's.
        network: of the experiment, if its initialization has begun already.
        divided: the clips of the run, if they are collected and split already.
        resumed: the train state comes from a checkpoint, so initial weights are not read; see `with_scaling`.

    Raises:
        UserError: the experiment cannot be trained on its data, or its initial weights do not fit it.
    """
    if divided is None:
        run, divided = with_classes(run)
    experiment = run.experiment
    network = network or InitialNetwork(experiment)  # it compiles on a core that the data leave idle
    initial = None if resumed else read_initial_weights(experiment)
    divided = divided or divide(experiment)
    steps = checked_steps(run, divided, network, initial)
    prepared = prepare(run, divided)
    weights = None
    if experiment.loss.class_weights:
        examples = prepared.split.examples("train")
        weights = class_weights(prepared.labels[examples[:, 0]], prepared.frontend.classes)
    setup = TrainingSetup(
        *(experiment, prepared.frontend, network.graphs, optimizer or experiment.optimizer, steps, weights),
        prepared=prepared,
        devices=Devices(experiment.batch_size),
        network=network,
        targets=mixed_labels(run, prepared) if _has_soft_labels(experiment) else None,
        initial=initial,
    )
    return setup if initial is None else setup.with_scaling(initial.scaling)
