"""The network that another one learns from."""

from dataclasses import dataclass, replace
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float

from aersut.features.frontend import Frontend
from aersut.models.network import Network
from aersut.run import Run, start

Held = tuple[nnx.State[Any, Any], nnx.State[Any, Any]]


@dataclass(frozen=True)
class TrainedTeacher:
    """A trained network, asked for its probabilities.

    Attributes:
        graph: of the network in evaluation.
        frontend: scales the features as the network knows them.
        held: its weights, and what else it holds.
    """

    graph: nnx.GraphDef[Network]
    frontend: Frontend
    held: Held

    def __call__(self, held: Held, features: Float[Array, "batch frames channels"]) -> Float[Array, "batch classes"]:
        """What it makes of unscaled features, augmented or not; inside the jitted step, which is given `held`."""
        network = nnx.merge(self.graph, *held, copy=True)
        return jax.nn.softmax(network(self.frontend.scaled(features)))


def teacher_of(run: Run) -> Run | None:
    """The run that trains the teacher, in the folder of the run that learns from it; None where there is no teacher.

    It is the same experiment with another model, so that no teacher knows a speaker whom its pupil is tested on.
    """
    model = run.experiment.teacher
    return start(replace(run.experiment, model=model, teacher=None), run.folder / "teacher") if model else None
