"""The setup of a training: all that a run needs before its first step."""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import optax
from flax import nnx

from aersut.config import Experiment
from aersut.data.pipeline import AudioSource, Batch, ExampleSource, FeatureSource, training_batches
from aersut.errors import UserError
from aersut.run import Prepared, Run, build_network, make_frontend, prepare
from aersut.training.devices import Devices
from aersut.training.loss import class_weights
from aersut.training.packing import array_shape, with_sharding
from aersut.training.state import Graphs, TrainState, divided, initial_state
from aersut.training.step import StepSetup

if TYPE_CHECKING:
    import grain

State = nnx.State[Any, Any]


class InitialNetwork:
    """The network of an experiment with its initial weights, compiled and computed in a thread, beside other work.

    Args:
        computed: compute the weights at once; otherwise only when they are needed.
    """

    def __init__(self, experiment: Experiment, computed: bool = True) -> None:
        self._experiment = experiment
        self._pool = ThreadPoolExecutor(1)
        self._traced = self._pool.submit(self._trace)
        self._values = self._pool.submit(self._compute) if computed else None
        self._pool.shutdown(wait=False)

    @property
    def graphs(self) -> Graphs:
        """The static definitions of the network."""
        return self._traced.result()[0]

    @property
    def shapes(self) -> tuple[State, State]:
        """Shapes of the parameters and of the other state, which are known before the values are."""
        return self._traced.result()[2]

    @property
    def values(self) -> tuple[State, State]:
        """Initial values of the parameters and of the other state.

        Raises:
            UserError: the network cannot be built.
        """
        return self._compute() if self._values is None else self._values.result()

    def _trace(self) -> tuple[Graphs, Callable[[], tuple[State, State]], tuple[State, State]]:
        graphs: list[Graphs] = []

        def initialize() -> tuple[State, State]:
            found, *states = divided(build_network(self._experiment, make_frontend(self._experiment)))
            graphs.append(found)
            return states[0], states[1]

        compiled = jax.jit(initialize)
        shapes: tuple[State, State] = compiled.eval_shape()  # type: ignore[no-untyped-call]
        return graphs[0], compiled, shapes

    def _compute(self) -> tuple[State, State]:
        return self._traced.result()[1]()


@dataclass(frozen=True, kw_only=True)
class TrainingSetup(StepSetup):
    """The setup of a training: that of its step, with the data and the devices.

    Attributes:
        prepared: the data, split, as features.
        devices: over which batches are sharded.
        steps: per epoch.
        network: with its initial weights.
    """

    prepared: Prepared
    devices: Devices
    steps: int
    network: InitialNetwork

    @functools.cached_property
    def _initialize(self) -> Any:
        averaged = self.experiment.ema > 0
        return jax.jit(functools.partial(initial_state, optimizer=self.optimizer, averaged=averaged))

    def state_shapes(self, committed: bool) -> TrainState:
        """Shapes and dtypes of the train state, which are known before its initial values are.

        Args:
            committed: with the sharding of a restored state.
        """
        shapes: TrainState = self._initialize.eval_shape(*self.network.shapes)
        if not committed:
            return shapes
        sharding = self.devices.replicated or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        return with_sharding(shapes, sharding)

    def initial_state(self) -> TrainState:
        """The train state of step 0, on all devices."""
        return self.devices.replicate(self._initialize(*self.network.values))

    def batch_shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shapes and dtypes of a batch."""
        size, frontend = self.experiment.batch_size, self.frontend
        if self.experiment.on_the_fly:
            values = {"audio": array_shape((size, frontend.framing.samples), np.int16)}
        else:
            values = {"features": array_shape((size, *frontend.base_shape), np.float32)}
        return {**values, "label": array_shape((size,), np.int32)}

    def batches(self) -> "grain.DatasetIterator[Batch]":
        """The training batches, endlessly; of each, the part that this process loads."""
        experiment, prepared = self.experiment, self.prepared
        examples = prepared.split.examples("train")
        labels = prepared.labels[examples[:, 0]]
        source: ExampleSource = FeatureSource(prepared.table, examples, labels)
        if experiment.on_the_fly:
            source = AudioSource(prepared.collection, examples, labels)
        balanced = experiment.sampling == "balanced"
        shard = jax.process_index(), jax.process_count()
        return training_batches(source, experiment.batch_size, experiment.seed, balanced=balanced, shard=shard)


def set_up(
    run: Run, optimizer: optax.GradientTransformation | None = None, network: InitialNetwork | None = None
) -> TrainingSetup:
    """Prepare the data of a run, and initialize its network beside it.

    Args:
        optimizer: replaces the experiment's.
        network: of the experiment, if its initialization has begun already.

    Raises:
        UserError: the experiment cannot be trained on its data.
    """
    experiment = run.experiment
    network = network or InitialNetwork(experiment)  # it compiles on a core that the data leave idle
    prepared = prepare(run)
    examples = prepared.split.examples("train")
    steps = len(examples) // experiment.batch_size
    if not steps:
        raise UserError(
            f"experiment.batch_size: {experiment.batch_size} is more than the {len(examples)} examples of the training "
            "set; make it smaller."
        )
    devices = Devices(experiment.batch_size)
    if optimizer is None:
        optimizer = experiment.optimizer.build(steps * experiment.epochs, steps)
    weights = None
    if experiment.loss.class_weights:
        weights = class_weights(prepared.labels[examples[:, 0]], prepared.frontend.classes)
    return TrainingSetup(
        *(experiment, prepared.frontend, network.graphs, optimizer, weights),
        prepared=prepared,
        devices=devices,
        steps=steps,
        network=network,
    )
