"""A run: its folder and its experiment. This module imports no plugins, hence no JAX."""

from dataclasses import dataclass
from pathlib import Path

from aersut.config import Experiment, checked, differences, digest, to_tree
from aersut.errors import UserError
from aersut.experiment import load_experiment
from aersut.paths import write_json


class _PathInRun:
    """A property of `RunFolder`: a path in it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, run: "RunFolder", owner: type) -> Path:
        return run.folder / self.name


@dataclass(frozen=True)
class RunFolder:
    """The files of a run. Reading them needs neither the experiment nor its plugins, which import JAX."""

    folder: Path
    config = _PathInRun("config.json")
    split = _PathInRun("split.json")
    checkpoints = _PathInRun("checkpoints")
    records = _PathInRun("metrics.jsonl")
    sessions = _PathInRun("sessions.jsonl")
    plots = _PathInRun("plots")
    evaluation = _PathInRun("evaluation/metrics.json")
    export = _PathInRun("export")
    report = _PathInRun("report.html")
    teacher = _PathInRun("teacher")
    soft_labels = _PathInRun("soft_labels.npz")


@dataclass(frozen=True)
class Run(RunFolder):
    """A run folder and the experiment whose results it contains."""

    experiment: Experiment

    @property
    def synthetic(self) -> bool:
        """Whether any corpus is synthetic; every output states it."""
        return any(corpus.synthetic for corpus in self.experiment.data.corpora)


RUNS = Path("runs")
"""The parent of run folders, in the working directory."""


def default_folder(experiment: Experiment) -> Path:
    """The run folder of an experiment: runs/NAME/DIGEST, with the digest of its configuration."""
    return RUNS / experiment.name / digest(to_tree(experiment))


def start(experiment: Experiment, folder: Path | None = None) -> Run:
    """Return the run of an experiment; create its folder if it is new.

    Args:
        folder: of the run; by default `default_folder`.

    Raises:
        UserError: the folder contains the run of another experiment, or other files.
    """
    experiment = checked(experiment)
    tree = to_tree(experiment)
    run = Run(folder or default_folder(experiment), experiment)
    if run.config.exists():
        changed = differences(to_tree(open_run(run.folder).experiment), tree)
        if changed:
            raise UserError(
                f"run folder {run.folder} contains a run of another experiment; differences (existing / requested): "
                f"{'; '.join(changed[:3])}{' …' if len(changed) > 3 else ''}. Choose another --workdir, or omit it."
            )
        return run
    try:
        # a file that starts with a dot may be a config.json whose writing was interrupted; config.json itself may have
        # been written in the meantime by another process of the same training
        occupied = run.folder.exists() and any(not path.name.startswith(".") for path in run.folder.iterdir())
        if occupied and not run.config.exists():
            raise UserError(
                f"folder {run.folder} is not empty and is not a run (it has no config.json). Choose another --workdir."
            )
        write_json(run.config, tree)
    except OSError as error:
        raise UserError(
            f"run folder {run.folder} cannot be written: {error.strerror}. Choose another --workdir."
        ) from None
    return run


def find_run(folder: Path) -> RunFolder:
    """Return the files of the run in `folder`.

    Raises:
        UserError: `folder` is not a run folder.
    """
    run = RunFolder(folder)
    if not run.config.exists():
        raise UserError(f"{folder} is not a run folder: it has no config.json. Set --workdir to one.")
    return run


def open_run(folder: Path) -> Run:
    """Return the run in `folder`.

    Raises:
        UserError: `folder` is not a run folder, or this version cannot read its configuration.
    """
    return Run(folder, load_experiment(str(find_run(folder).config)))
