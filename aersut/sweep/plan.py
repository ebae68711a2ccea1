"""A sweep: what is varied, how often each trial runs, and what is sought."""

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aersut import experiment as experiments
from aersut.config import Experiment, digest, to_tree
from aersut.errors import UserError, nearest
from aersut.registry import describe, import_file
from aersut.sweep.space import Space, size, space

OBJECTIVES: dict[str, Literal["maximize", "minimize"]] = {"uar": "maximize", "size": "minimize", "arena": "minimize"}
SAMPLERS = ("grid", "random", "tpe")
PRUNERS = ("none", "median", "hyperband")
TRIALS = 20
"""How many there are unless it is said, where no grid says it."""


@dataclass(frozen=True)
class Sweep:
    """What a sweep file returns from `get_sweep()`; the command line's flags go before it.

    Attributes:
        space: dotted keys of the experiment, and what they may be: see `aersut.sweep.space` for the notation.
        trials: how many combinations are tried; by default the whole grid, or 20.
        seeds: each combination is trained with each of these `seed`s, and judged by the mean; () for the experiment's.
        folds: likewise, of `data.fold`.
        sampler: "grid" (every combination), "random" or "tpe"; by default "grid" where there are finitely many.
        pruner: "none", "median" or "hyperband": which trials are given up early, by the validation UAR of each epoch.
        objectives: "uar" (validation, of the epoch that `select` chooses), and "size" or "arena" (bytes of the int8
            file, or of the RAM that TensorFlow Lite Micro needs for it) beside it: then the Pareto front is sought.
    """

    space: Mapping[str, Any] = field(default_factory=dict)
    trials: int | None = None
    seeds: tuple[int, ...] = ()
    folds: tuple[int, ...] = ()
    sampler: str | None = None
    pruner: str = "none"
    objectives: tuple[str, ...] = ("uar",)

    def __post_init__(self) -> None:
        if self.trials is not None and self.trials < 1:
            raise ValueError(f"trials must be at least 1, got {self.trials}")
        for name, value, known in (
            *(("objectives", one, OBJECTIVES) for one in self.objectives),
            *([("sampler", self.sampler, SAMPLERS)] if self.sampler else []),
            ("pruner", self.pruner, PRUNERS),
        ):
            if value not in known:
                raise ValueError(f"{name}: unknown '{value}'.{nearest(value, known)} Known: {', '.join(known)}")
        for name in ("seeds", "folds", "objectives"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name} holds one twice: {', '.join(map(str, values))}")
        if "uar" not in self.objectives or len(self.objectives) > 2:
            raise ValueError(f"objectives are uar, or uar with size or arena, got {', '.join(self.objectives)}")
        if len(self.objectives) > 1 and self.pruner != "none":
            raise ValueError("pruner: with two objectives there is none, for they have no order by which to give up")
        for key, name in (("seed", "seeds"), ("data.fold", "folds")):
            if key in self.space and getattr(self, name):
                raise ValueError(f"{name} and --sweep.{key} exclude each other")


@dataclass(frozen=True)
class Plan:
    """A sweep of an experiment, checked: everything that the workers and the results need.

    Attributes:
        experiment: with the command line's overrides.
        asked: the part of a command that names it, such as "--experiment=cnn".
        folder: of the trials, the pictures and, unless `storage` is given, the study.
        name: of the study.
        storage: the URL of a database; "" for SQLite in the folder.
        keep: of how many of the best trials the checkpoints are kept; None for all.
        heartbeat: seconds between two signs of life of a worker.
    """

    experiment: Experiment
    asked: tuple[str, ...]
    sweep: Sweep
    space: Space
    folder: Path
    name: str
    storage: str = ""
    keep: int | None = None
    heartbeat: int = 10

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for trials to be comparable, as a plain tree."""
        return {
            "experiment": to_tree(self.experiment),
            "space": {key: str(one) for key, one in self.space.items()},
            "seeds": list(self.sweep.seeds),
            "folds": list(self.sweep.folds),
            "objectives": list(self.sweep.objectives),
        }

    @property
    def sampler(self) -> str:
        return self.sweep.sampler or ("tpe" if size(self.space) is None else "grid")

    @property
    def trials(self) -> int:
        """How many trials there are to be."""
        whole = size(self.space)
        if self.sampler != "grid" or whole is None:
            return self.sweep.trials or TRIALS
        return min(self.sweep.trials or whole, whole)

    @property
    def runs(self) -> list[dict[str, str]]:
        """The overrides of each run of a trial: its seed, its fold."""
        seeds = [{"seed": str(seed)} for seed in self.sweep.seeds] or [{}]
        folds = [{"data.fold": str(fold)} for fold in self.sweep.folds] or [{}]
        return [{**seed, **fold} for seed, fold in itertools.product(seeds, folds)]


def read(source: str) -> Sweep:
    """The sweep of a file with `get_sweep()`, or of one in `experiments/sweeps` by its name.

    Raises:
        UserError: there is none, or it returns something else.
    """
    path = Path(source)
    if path.suffix != ".py":
        known = {
            file.stem: file for folder in experiments.folders() for file in sorted((folder / "sweeps").glob("*.py"))
        }
        if source not in known:
            raise UserError(
                f"there is no sweep '{source}'.{nearest(source, known)} Known: {', '.join(known)}; or give the path of "
                "a .py file with get_sweep()."
            )
        path = known[source]
    module = import_file(path, "sweep file")
    if not hasattr(module, "get_sweep"):
        raise UserError(f"sweep file {path} has no function get_sweep() that returns a Sweep.")
    try:
        sweep = module.get_sweep()
    except Exception as error:
        raise UserError(f"sweep file {path}: get_sweep() failed: {describe(error)}") from error
    if not isinstance(sweep, Sweep):
        raise UserError(f"sweep file {path}: get_sweep() must return a Sweep, got {type(sweep).__name__}.")
    return sweep


def make(
    experiment: Experiment,
    asked: tuple[str, ...],
    sweep: Sweep,
    study: str | None = None,
    folder: Path | None = None,
    **others: Any,
) -> Plan:
    """Check a sweep against its experiment.

    Args:
        study: the name of the study; by default the experiment's, with a digest of all that makes trials comparable.
        folder: by default `sweeps/<study>`.
        others: fields of `Plan`.

    Raises:
        UserError: a key, a value, a seed or a fold that the experiment does not have; a grid of a continuum.
    """
    checked = space(sweep.space, experiment)
    plan = Plan(experiment, asked, sweep, checked, folder or Path(), "", **others)
    if plan.sampler == "grid" and size(checked) is None:
        raise UserError(
            "--sampler=grid: there are infinitely many combinations; say how many of each range, as "
            "LOW:HIGH:log:COUNT or LOW:HIGH:linear:COUNT, or use --sampler=tpe."
        )
    for run in plan.runs:
        experiments.load(experiment, run.items())
    name = study or f"{experiment.name}-{digest(plan.identity)}"
    if "/" in name or name.startswith("."):
        raise UserError(f"--study={name}: a study's name is also a folder's, without slashes or a dot at its start.")
    return dataclasses.replace(plan, name=name, folder=folder or Path("sweeps") / name)
