"""The definition of a sweep: search space, runs per trial, sampler, pruner and objectives."""

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aersut import experiment as experiments
from aersut.config import Experiment
from aersut.errors import UserError, nearest
from aersut.registry import call_in_file
from aersut.sweep.space import Space, grid_size, parse_space
from aersut.tree import digest, to_tree

OBJECTIVES: dict[str, Literal["maximize", "minimize"]] = {"uar": "maximize", "size": "minimize", "arena": "minimize"}
SAMPLERS = ("grid", "random", "tpe")
PRUNERS = ("none", "median", "hyperband")
DEFAULT_TRIALS = 20
"""The number of trials without a grid, if `trials` is not set."""
LARGEST_GRID = 10_000
"""The most combinations of a grid, all of which Optuna's sampler lists."""


@dataclass(frozen=True)
class Sweep:
    """A sweep file's `get_sweep()` returns a Sweep; flags on the command line override its fields.

    Attributes:
        space: dotted keys of the experiment with their ranges or lists; see `aersut.sweep.space` for the notation.
        trials: number of combinations to try; by default the whole grid, or 20.
        seeds: each combination is trained with each of these `seed`s; the objective is the mean. () keeps the
            experiment's seed.
        folds: the same for `data.fold`.
        sampler: "grid" (every combination), "random" or "tpe"; by default "grid" for at most 10,000 combinations, else
            "tpe".
        pruner: "none", "median" or "hyperband"; it stops trials early by the validation UAR of each epoch.
        objectives: "uar" (validation UAR of the epoch that `select` chooses); with "size" (bytes of the int8 file)
            or "arena" (bytes of the tensor arena, the RAM that TensorFlow Lite Micro needs for activations) as a
            second objective, the sweep searches the Pareto front.
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
                raise ValueError(f"{name} contains a value twice: {', '.join(map(str, values))}")
        if "uar" not in self.objectives or len(self.objectives) > 2:
            raise ValueError(f"objectives must be uar, or uar with size or arena, got {', '.join(self.objectives)}")
        if len(self.objectives) > 1 and self.pruner != "none":
            raise ValueError("pruner must be none with two objectives: Optuna prunes by a single objective")
        for key, name in (("seed", "seeds"), ("data.fold", "folds")):
            if key in self.space and getattr(self, name):
                raise ValueError(f"{name} and --sweep.{key} exclude each other")


@dataclass(frozen=True)
class Plan:
    """A validated sweep of an experiment: the input of the workers and of the results.

    Attributes:
        experiment: the experiment with the command line's overrides.
        command_line: the arguments that select this experiment, such as "--experiment=cnn".
        folder: holds the trials, the plots and, without `storage`, the study's database.
        name: the name of the study.
        storage: the URL of a database server; "" for SQLite in the folder.
        keep: the number of best trials whose checkpoints are kept; None for all.
        heartbeat: seconds between two heartbeats of a worker.
    """

    experiment: Experiment
    command_line: tuple[str, ...]
    sweep: Sweep
    space: Space
    folder: Path
    name: str
    storage: str = ""
    keep: int | None = None
    heartbeat: int = 10

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that must be equal for trials to be comparable, as a plain tree."""
        return {
            "experiment": to_tree(self.experiment),
            "space": {key: str(one) for key, one in self.space.items()},
            "seeds": list(self.sweep.seeds),
            "folds": list(self.sweep.folds),
            "objectives": list(self.sweep.objectives),
        }

    @property
    def sampler(self) -> str:
        combinations = grid_size(self.space)
        finite = combinations is not None and combinations <= LARGEST_GRID
        return self.sweep.sampler or ("grid" if finite else "tpe")

    @property
    def trials(self) -> int:
        """The number of trials of the complete sweep."""
        combinations = grid_size(self.space)
        if self.sampler != "grid" or combinations is None:
            return self.sweep.trials or DEFAULT_TRIALS
        return min(self.sweep.trials or combinations, combinations)

    @property
    def run_overrides(self) -> list[dict[str, str]]:
        """The overrides of each run of a trial: seed and fold."""
        seeds = [{"seed": str(seed)} for seed in self.sweep.seeds] or [{}]
        folds = [{"data.fold": str(fold)} for fold in self.sweep.folds] or [{}]
        return [{**seed, **fold} for seed, fold in itertools.product(seeds, folds)]


def read_sweep(source: str) -> Sweep:
    """Read a sweep from a file with `get_sweep()`, given by its path or by its name in `experiments/sweeps`.

    Raises:
        UserError: the file does not exist, has no `get_sweep()`, or that function does not return a Sweep.
    """
    path = Path(source)
    if path.suffix != ".py":
        known = {
            file.stem: file
            for folder in experiments.experiment_folders()
            for file in sorted((folder / "sweeps").glob("*.py"))
        }
        if source not in known:
            raise UserError(
                f"unknown sweep '{source}'.{nearest(source, known)} Known: {', '.join(known)}; or pass the path of a "
                ".py file with get_sweep()."
            )
        path = known[source]
    return call_in_file(path, "sweep file", "get_sweep", Sweep)


def _check_grid(space: Space) -> None:
    combinations = grid_size(space)
    if combinations is None:
        raise UserError(
            "--sampler=grid: the space has a range of real numbers, which has no finite grid. Write each range as "
            "LOW:HIGH:log:COUNT or LOW:HIGH:linear:COUNT, or use --sampler=tpe."
        )
    if combinations > LARGEST_GRID:
        raise UserError(
            f"--sampler=grid: the space has {combinations:,} combinations, more than the {LARGEST_GRID:,} of the "
            "largest grid. Search fewer values, or use --sampler=tpe."
        )


def make_plan(
    experiment: Experiment,
    command_line: tuple[str, ...],
    sweep: Sweep,
    study: str | None = None,
    folder: Path | None = None,
    **others: Any,
) -> Plan:
    """Validate a sweep against its experiment.

    Args:
        study: the name of the study; by default the experiment's name with a digest of `Plan.identity`.
        folder: by default `sweeps/<study>`.
        others: further fields of `Plan`.

    Raises:
        UserError: a key, a value, a seed or a fold is not valid for the experiment, or a grid is infinite.
    """
    space = parse_space(sweep.space, experiment)
    plan = Plan(experiment, command_line, sweep, space, folder or Path(), "", **others)
    if plan.sampler == "grid":
        _check_grid(space)
    for overrides in plan.run_overrides:
        experiments.load_experiment(experiment, overrides.items())
    name = study or f"{experiment.name}-{digest(plan.identity)}"
    if "/" in name or name.startswith("."):
        raise UserError(f"--study={name}: the name is also a folder's name; remove slashes and the dot at its start.")
    return dataclasses.replace(plan, name=name, folder=folder or Path("sweeps") / name)
