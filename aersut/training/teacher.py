"""The network that another one learns from."""

from dataclasses import dataclass, replace
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float

from aersut.features.frontend import Frontend
from aersut.models.network import Network
from aersut.run import Run, start


@dataclass(frozen=True)
class TrainedTeacher:
    """A trained network, asked for its probabilities; in float32, whatever the pupil computes in.

    Attributes:
        graph: of the network in evaluation.
        frontend: scales the features as the network knows them.
        state: its weights, and the rest of what `nnx.merge` wants.
    """

    graph: nnx.GraphDef[Network]
    frontend: Frontend
    state: tuple[nnx.State[Any, Any], ...]

    def __call__(
        self, state: tuple[nnx.State[Any, Any], ...], features: Float[Array, "batch frames channels"]
    ) -> Float[Array, "batch classes"]:
        """What it makes of unscaled features, augmented or not; in the jitted step, one of whose arguments is `state`.

        Weights that are constants would have each run compile a step of its own.
        """
        network = nnx.merge(self.graph, *state, copy=True)
        # differentiated, if to no end, layers compute what is fast on a CPU; called plainly, what TensorFlow Lite has
        logits, _ = jax.vjp(network, self.frontend.scaled(features))
        return jax.nn.softmax(logits)


def start_teacher(run: Run) -> Run | None:
    """Return the run of the teacher, made if it is new, inside the run that learns from it; None where there is none.

    It is the same experiment with another model, so that no teacher knows a speaker whom its pupil is tested on.
    """
    model = run.experiment.teacher
    return start(replace(run.experiment, model=model, teacher=None), run.teacher) if model else None
