"""A trained network, restored from the checkpoint of its run that `select` chooses."""

from dataclasses import dataclass, replace

import jax

from aersut.config import Experiment
from aersut.errors import UserError
from aersut.features.frontend import Frontend
from aersut.run import Run, build_network, make_frontend
from aersut.training.checkpoints import Checkpoints
from aersut.training.forward import Forward
from aersut.training.packing import placed
from aersut.training.state import Graphs, TrainState, create


@dataclass(frozen=True)
class Trained:
    """A network with the weights of the selected epoch, and the frontend with the scaling that it was trained with."""

    epoch: int
    graphs: Graphs
    state: TrainState
    frontend: Frontend
    forward: Forward


def selected_epoch(run: Run) -> int:
    """The epoch of the checkpoint that is evaluated and exported: the best or the last, as the experiment says.

    Raises:
        UserError: the run has no checkpoint.
    """
    if run.checkpoints.is_dir():
        with Checkpoints(run.checkpoints) as checkpoints:
            if epoch := checkpoints.best if run.experiment.select == "best" else checkpoints.last:
                return epoch
    raise UserError(f"run {run.folder} has no checkpoint yet: train it first, with --mode=train.")


def load(run: Run, place: jax.sharding.Sharding | None = None) -> Trained:
    """Restore the selected checkpoint.

    Args:
        place: where its arrays go; the first device of this process by default.

    Raises:
        UserError: the run has no checkpoint, or one of another architecture.
    """
    epoch = selected_epoch(run)
    frontend = make_frontend(run.experiment)
    place = place or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    graphs, like = _abstract(run.experiment, frontend, place)
    with Checkpoints(run.checkpoints) as checkpoints:
        restored = checkpoints.restore(epoch, like)
    frontend = replace(frontend, scaling=restored.scaling)
    return Trained(restored.epoch, graphs, restored.state, frontend, Forward(graphs, frontend))


def _abstract(experiment: Experiment, frontend: Frontend, place: jax.sharding.Sharding) -> tuple[Graphs, TrainState]:
    """The static halves of the network, and the shapes of its state: computing that takes longer than restoring it."""
    graphs: list[Graphs] = []

    def build() -> TrainState:
        optimizer = experiment.optimizer.build(1, 1)  # of the same state, however many steps
        static, state = create(build_network(experiment, frontend), optimizer, averaged=experiment.ema > 0)
        graphs.append(static)
        return state

    shapes = jax.eval_shape(build)
    return graphs[0], placed(shapes, place)
