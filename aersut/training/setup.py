"""The setup of a training: all that a run needs before its first step."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import grain
import jax

from aersut.contracts import Optimizer
from aersut.data.pipeline import AudioSource, Batch, ExampleSource, FeatureSource, training_batches
from aersut.errors import UserError
from aersut.run import Prepared, Run, build_network, make_frontend, prepare
from aersut.training.devices import Devices
from aersut.training.loss import class_weights
from aersut.training.state import TrainState, create
from aersut.training.step import StepSetup

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TrainingSetup(StepSetup):
    """The setup of a training: that of its step, with the data and the devices.

    Attributes:
        prepared: the data, split, as features.
        devices: over which batches are sharded.
    """

    prepared: Prepared
    devices: Devices

    def replicate(self, tree: T) -> T:
        return self.devices.replicate(tree)

    def batches(self) -> grain.DatasetIterator[Batch]:
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


def set_up(run: Run, optimizer: Optimizer | None = None) -> tuple[TrainingSetup, TrainState]:
    """Prepare the data of a run and create its initial train state, on all devices.

    Args:
        optimizer: replaces the experiment's.

    Raises:
        UserError: the experiment cannot be trained on its data.
    """
    experiment = run.experiment
    with ThreadPoolExecutor(1) as pool:  # the network compiles on a core that the computation of features leaves idle
        network = pool.submit(build_network, experiment, make_frontend(experiment))
        prepared = prepare(run)
    examples = prepared.split.examples("train")
    steps = len(examples) // experiment.batch_size
    if not steps:
        raise UserError(
            f"experiment.batch_size: {experiment.batch_size} is more than the {len(examples)} examples of the training "
            "set; make it smaller."
        )
    devices = Devices(experiment.batch_size)
    optimizer = optimizer or experiment.optimizer
    transformation = optimizer.build(steps * experiment.epochs, steps)
    graphs, state = create(network.result(), transformation, averaged=experiment.ema > 0)
    weights = None
    if experiment.loss.class_weights:
        weights = class_weights(prepared.labels[examples[:, 0]], prepared.frontend.classes)
    setup = TrainingSetup(
        experiment, prepared.frontend, graphs, optimizer, steps, weights, prepared=prepared, devices=devices
    )
    return setup, devices.replicate(state)
