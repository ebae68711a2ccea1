"""A trained network, restored from the checkpoint that `Experiment.select` selects."""

import functools
import time
from dataclasses import dataclass, replace

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from aersut.config import Experiment
from aersut.errors import UserError
from aersut.features.frontend import Frontend
from aersut.models.network import Network
from aersut.run import check_plugins, make_frontend, network_errors
from aersut.run_folder import Run, with_recorded_classes
from aersut.training.checkpoints import Checkpoints
from aersut.training.forward import Forward
from aersut.training.packing import with_sharding
from aersut.training.records import read_records
from aersut.training.state import Graphs, TrainState, create

DELETION = 0.3
"""Seconds after which a checkpoint whose deletion has begun is gone."""


@dataclass(frozen=True)
class Trained:
    """A trained network: its experiment, the train state of the selected epoch, its graphs and audio frontend.

    Attributes:
        epoch: of the checkpoint.
        frontend: feature extraction in front of the classifier, with the scaling of the training set.
        temperature: divides the logits, so that probabilities are calibrated on the validation set; 1 changes nothing.
    """

    experiment: Experiment
    epoch: int
    graphs: Graphs
    state: TrainState
    frontend: Frontend
    temperature: float = 1.0

    def network(self) -> Network:
        """The evaluation network, with calibrated logits: f32[batch, frames, channels] to f32[batch, classes].

        It takes scaled features. Call it inside a traced function, as `Graphs.network`.
        """
        network = self.graphs.network(self.state.weights, self.state.rest)
        return network if self.temperature == 1 else _Calibrated(network, self.temperature)

    def logits(self, features: Float[np.ndarray, "clips frames channels"]) -> Float[np.ndarray, "clips classes"]:
        """Calibrated logits of any number of clips, from base features."""
        return self._forward(self.state, features) / np.float32(self.temperature)

    def probabilities(self, features: Float[np.ndarray, "clips frames channels"]) -> Float[np.ndarray, "clips classes"]:
        """Softmax of `logits`."""
        return np.asarray(jax.nn.softmax(self.logits(features), axis=1))

    def embeddings(self, features: Float[np.ndarray, "clips frames channels"]) -> Float[np.ndarray, "clips width"]:
        """Activations of the penultimate layer, from base features."""
        return Forward(self.graphs, self.frontend, _embedding)(self.state, features)

    @functools.cached_property
    def _forward(self) -> Forward:
        return Forward(self.graphs, self.frontend)


class _Calibrated(Network):
    def __init__(self, network: Network, temperature: float) -> None:
        self.network, self.temperature = network, temperature

    def embed(self, features: Array) -> Array:
        return self.network.embed(features)

    def __call__(self, features: Array) -> Array:
        return self.network(features) / self.temperature


def _embedding(network: Network, scaled: Array) -> Array:
    return network.embed(scaled)


def selected_epoch(run: Run) -> int:
    """The epoch of the checkpoint that is evaluated and exported: the best or the last, by `Experiment.select`.

    Raises:
        UserError: the run has no checkpoint.
    """
    if run.checkpoints.is_dir():
        with Checkpoints(run.checkpoints) as checkpoints:
            if epoch := checkpoints.best if run.experiment.select == "best" else checkpoints.last:
                return epoch
    raise UserError(f"run {run.folder} has no checkpoint yet: train it first with --mode=train.")


def abstract_state(experiment: Experiment, frontend: Frontend) -> tuple[Graphs, TrainState]:
    """The graphs of an experiment's network, and shapes and types of its train state, without computing weights."""
    graphs: list[Graphs] = []

    def initial_state() -> TrainState:
        optimizer = experiment.optimizer.build(1, 1)  # the shapes of its state do not depend on the number of steps
        with network_errors(experiment.model):
            rngs = nnx.Rngs(jax.random.key(experiment.seed))
            network = experiment.model.build(*frontend.shape, frontend.classes, rngs)
        head_only = experiment.init.trainable == "head"
        created, state = create(network, optimizer, experiment.ema > 0, head_only)
        graphs.append(created)
        return state

    state = jax.eval_shape(initial_state)
    return graphs[0], state


def load_trained(run: Run, sharding: jax.sharding.Sharding | None = None) -> Trained:
    """Restore the selected checkpoint.

    Args:
        sharding: of the restored arrays; the first device of this process by default.

    Raises:
        UserError: the run has no checkpoint, its checkpoint is damaged or of another architecture, or the code of its
            features or of its network has changed.
    """
    while True:
        epoch = selected_epoch(run)
        try:
            return _load(run, epoch, sharding)
        except UserError:
            time.sleep(DELETION)
            if (run.checkpoints / str(epoch)).exists():
                raise
            # a training that runs has deleted it, after a better one


def _load(run: Run, epoch: int, sharding: jax.sharding.Sharding | None) -> Trained:
    experiment = with_recorded_classes(run).experiment
    check_plugins(run, "features", "model")
    frontend = make_frontend(experiment)
    graphs, like = abstract_state(experiment, frontend)
    sharding = sharding or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    with Checkpoints(run.checkpoints) as checkpoints:
        state, scaling = checkpoints.restore(epoch, with_sharding(like, sharding))
    records = {record["epoch"]: record for record in read_records(run.records)}
    calibrated = records.get(epoch, {}).get("temperature", 1.0)  # runs of earlier versions have none
    return Trained(experiment, epoch, graphs, state, replace(frontend, scaling=scaling), calibrated)
