"""Knowledge distillation: a student is trained on the soft targets of a teacher (Hinton et al. 2015)."""

from dataclasses import replace
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float

from aersut.run import Run, start
from aersut.training.trained import Trained

State = nnx.State[Any, Any]


def soft_targets(
    teacher: Trained, weights: tuple[State, State], features: Float[Array, "batch frames channels"]
) -> Float[Array, "batch classes"]:
    """Class probabilities of the teacher, in float32 whatever precision the student is trained in.

    Args:
        weights: the teacher's parameters and other state. They are an argument of the jitted training step; as
            constants they would make each run compile a step of its own.
        features: base features; they are scaled by the teacher's own scaling.
    """
    network = teacher.graphs.network(*weights)
    # under differentiation, the layers use operations that are fast on a CPU; otherwise, those of TensorFlow Lite
    logits, _ = jax.vjp(network, teacher.frontend.scaled(features))
    return jax.nn.softmax(logits)


def teacher_run(run: Run) -> Run | None:
    """Return the run of the teacher, inside the folder of its student's run; start it if it is new.

    The teacher's experiment is the student's with another model. Both have the same split, so that the teacher is not
    trained on speakers of the student's test set. None if the experiment has no teacher.
    """
    model = run.experiment.teacher
    return start(replace(run.experiment, model=model, teacher=None), run.teacher) if model else None
