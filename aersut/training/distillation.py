"""Knowledge distillation: a student is trained on the soft targets of a teacher (Hinton et al. 2015)."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float

from aersut.config import Experiment, Init, from_tree
from aersut.errors import UserError
from aersut.features.frontend import Frontend
from aersut.paths import read_json
from aersut.run import same_split
from aersut.run_folder import RUNS, Run, default_folder, identity, start, with_recorded_classes
from aersut.training.processes import in_all_processes
from aersut.training.records import read_lines, read_records
from aersut.training.state import Graphs, Params

State = nnx.State[Any, Any]


def soft_targets(
    graphs: Graphs, frontend: Frontend, weights: tuple[Params, State], features: Float[Array, "batch frames channels"]
) -> Float[Array, "batch classes"]:
    """Class probabilities of the teacher, in float32 whatever precision the student is trained in.

    Args:
        graphs, frontend: of the teacher, with its own scaling.
        weights: the teacher's parameters and other state.
        features: base features.
    """
    network = graphs.network(*weights)
    # under differentiation, the layers use operations that are fast on a CPU; otherwise, those of TensorFlow Lite
    logits, _ = jax.vjp(network, frontend.scaled(features))
    return jax.nn.softmax(logits)


def teacher_run(run: Run) -> Run | None:
    """Return the run of a student's teacher, which may still have to be trained; None without a teacher.

    The teacher's experiment is the student's with another model, without its initial weights. A run of this
    configuration under `runs/`, whatever its name, is used again if its `split.json` is equal to the student's, so that
    the teacher is not trained on speakers of the student's test set. Otherwise a run is started in
    runs/NAME-teacher/DIGEST, or, if that folder has other data or cannot be written, in the student's folder
    `teacher/`, where earlier versions kept each teacher.

    Several processes that train together may have different working directories. They share a teacher that all of
    them find; otherwise they keep it in the student's folder.

    Raises:
        UserError: the teacher's run folder cannot be written.
    """
    if run.experiment.teacher is None:
        return None
    experiment = replace(run.experiment, model=run.experiment.teacher, teacher=None, init=Init())
    named = replace(experiment, name=f"{experiment.name}-teacher")
    found = _shared_teacher(run, named)
    known_to_all = in_all_processes(found is not None)
    if (run.teacher / "config.json").exists():
        return start(experiment, run.teacher)
    if found is not None and known_to_all:
        return found
    if jax.process_count() == 1 and not default_folder(named).exists():
        with contextlib.suppress(UserError):
            return start(named)
    return start(experiment, run.teacher)


def recorded_teacher(run: Run) -> Path | None:
    """The run folder of the teacher with which a student was trained last; None without a teacher."""
    for session in reversed(read_lines(run.sessions)):
        if session.get("teacher"):
            return Path(session["teacher"]["folder"])
    return run.teacher if run.teacher.is_dir() else None


def check_split(run: Run, teacher: Run) -> None:
    """Raise `UserError` if a teacher was not trained on its student's training set."""
    if not same_split(run, teacher):
        raise UserError(
            f"the teacher in {teacher.folder} has another {teacher.split.name} than its student in {run.folder}, so it "
            "may have been trained on the student's test set. Remove the teacher's folder, or restore its data."
        )


def _shared_teacher(run: Run, experiment: Experiment) -> Run | None:
    """The run of an experiment, apart from its name, with the student's split: the recorded or longest trained one."""
    wanted = identity(experiment)
    recorded = recorded_teacher(run)
    found = []
    for config in [*([recorded / "config.json"] if recorded else []), *sorted(RUNS.glob("*/*/config.json"))]:
        one = _current(config)
        if one is not None and identity(replace(one, name=experiment.name)) == wanted:
            candidate = Run(config.parent, replace(experiment, name=one.name))
            if not candidate.split.exists() or same_split(run, candidate):
                found.append(candidate)
    if recorded and found and found[0].folder == recorded:
        return found[0]
    return max(found, key=lambda candidate: len(read_records(candidate.records)), default=None)


def _current(config: Path) -> Experiment | None:
    """The experiment of a config.json, with the classes of its run, which its student has, too.

    None for one that this process cannot read, such as with own plugins.
    """
    try:
        tree = read_json(config)
        return with_recorded_classes(Run(config.parent, from_tree(tree))).experiment if tree is not None else None
    except UserError:
        return None
