"""A run: its folder and its experiment. This module imports no plugins, hence no JAX."""

import contextlib
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aersut.bundle_files import EXPORT
from aersut.config import Experiment, checked
from aersut.errors import UserError
from aersut.experiment import load_experiment
from aersut.labels import EMOTIONS, in_usual_order
from aersut.paths import read_json, write_json
from aersut.texts import counted
from aersut.tree import differences, digest, to_tree


class _PathInRun:
    """A property of `RunFolder`: a path in it, `early` for one that exists before the first epoch."""

    def __init__(self, name: str, early: bool = False) -> None:
        self.name, self.early = name, early

    def __get__(self, run: "RunFolder", owner: type) -> Path:
        return run.folder / self.name


@dataclass(frozen=True)
class RunFolder:
    """The files of a run. Reading them needs neither the experiment nor its plugins, which import JAX."""

    folder: Path
    config = _PathInRun("config.json", early=True)
    split = _PathInRun("split.json", early=True)
    checkpoints = _PathInRun("checkpoints", early=True)
    records = _PathInRun("metrics.jsonl")
    sessions = _PathInRun("sessions.jsonl", early=True)
    plots = _PathInRun("plots")
    evaluation = _PathInRun("evaluation/metrics.json")
    export = _PathInRun("export")
    exported = _PathInRun(f"export/{EXPORT}")
    report = _PathInRun("report.html")
    teacher = _PathInRun("teacher")
    init = _PathInRun("init.json", early=True)
    soft_labels = _PathInRun("soft_labels.npz", early=True)
    name = _PathInRun("name.txt")
    tensorboard = _PathInRun("tensorboard", early=True)
    lock = _PathInRun(".lock", early=True)
    log = _PathInRun("log.txt")

    @classmethod
    def names(cls, early: bool = False) -> set[str]:
        """The names of all files and folders that a run folder may contain; or of those before its first epoch."""
        paths = (value for value in vars(RunFolder).values() if isinstance(value, _PathInRun))
        return {Path(path.name).parts[0] for path in paths if path.early or not early}


@dataclass(frozen=True)
class Run(RunFolder):
    """A run folder and the experiment whose results it contains."""

    experiment: Experiment

    @property
    def synthetic(self) -> bool:
        """Whether any corpus is synthetic; every output states it."""
        return any(corpus.synthetic for corpus in self.experiment.data.corpora)

    @property
    def tests_copies(self) -> bool:
        """Whether the test set has augmented copies, of which there are no recordings."""
        return self.experiment.data.protocol == "paper"

    def refuse_copies(self, option: str) -> None:
        """Raise `UserError` for an option that needs recordings of the whole test set, if it `tests_copies`."""
        if self.tests_copies:
            raise UserError(
                f"{option}: protocol 'paper' tests on augmented copies, and stress conditions change recordings. Omit "
                "it, choose another data.protocol, or evaluate on other corpora."
            )


_created: list[tuple[Path, Path]] = []
"""The run folders that `start` has created within `discarding_unused_runs`, each with the topmost new folder."""
RUNS = Path("runs")
"""The parent of run folders, in the working directory."""


def default_folder(experiment: Experiment) -> Path:
    """The run folder of an experiment: runs/NAME/DIGEST, with the digest of its configuration."""
    return RUNS / experiment.name / digest(to_tree(experiment))


def planned(experiment: Experiment, folder: Path | None = None) -> Run:
    """The run that `start` would return; its folder need not exist.

    Args:
        folder: of the run; by default `default_folder`.

    Raises:
        UserError: the folder contains another experiment.
    """
    experiment = checked(experiment)
    run = Run(folder or default_folder(experiment), experiment)
    if not run.config.exists():
        return run
    # plugins may have moved; they do not belong to the identity of a run
    existing = load_experiment(str(run.config), [("plugins", list(experiment.plugins))])
    if not experiment.data.emotions and existing.data.emotions == EMOTIONS:  # the default until November 2026
        run = Run(run.folder, with_emotions(experiment, EMOTIONS))
    if changed := differences(identity(existing), identity(run.experiment)):
        raise UserError(
            f"run folder {run.folder} contains a run of another experiment; differences (existing / requested): "
            f"{'; '.join(changed[:3])}{' …' if len(changed) > 3 else ''}. Choose another --workdir, or omit it."
        )
    return with_recorded_classes(run)


def start(experiment: Experiment, folder: Path | None = None) -> Run:
    """Return the run of an experiment; create its folder if it is new.

    An existing run has the classes that it was started with, and may have its clips under another `data.root`.

    Args:
        folder: of the run; by default `default_folder`.

    Raises:
        UserError: the folder contains another experiment or other files, or cannot be written.
    """
    run = planned(experiment, folder)
    if run.config.exists():
        return run
    try:
        # a file that starts with a dot may be a config.json whose writing was interrupted; config.json itself may have
        # been written in the meantime by another process of the same training
        occupied = run.folder.exists() and any(not path.name.startswith(".") for path in run.folder.iterdir())
        if occupied and not run.config.exists():
            raise UserError(
                f"folder {run.folder} is not empty and is not a run (it has no config.json). Choose another --workdir."
            )
        new = [path for path in (run.folder, *run.folder.parents) if not path.exists()]
        write_json(run.config, to_tree(run.experiment))
        _created.append((run.folder, new[-1] if new else run.config))
    except OSError as error:
        raise UserError(
            f"run folder {run.folder} cannot be written: {error.strerror}. Choose another --workdir."
        ) from None
    return run


@contextlib.contextmanager
def discarding_unused_runs() -> Iterator[None]:
    """Delete the run folders that `start` creates in the block, if the block fails before an epoch of them is trained.

    Folders that contain anything else, such as the log of a worker process, are kept. An interruption is no failure:
    the same command resumes, perhaps with a teacher that is half trained.
    """
    before = len(_created)
    try:
        yield
    except Exception:
        for folder, top in reversed(_created[before:]):
            _discard_unused(folder, top)
        raise
    finally:
        del _created[before:]


def _discard_unused(folder: Path, top: Path) -> None:
    """Delete a run folder, and its new parents up to `top`, unless it is in use."""
    import filelock

    run = RunFolder(folder)
    try:
        if run.records.exists() or {path.name for path in folder.iterdir()} - RunFolder.names(early=True):
            return
        with filelock.FileLock(run.lock, blocking=False):
            for path in folder.iterdir():
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
            for path in (folder, *folder.parents) if top != run.config else ():
                path.rmdir()
                if path == top:
                    break
    except (OSError, filelock.Timeout):  # another process trains it, or a parent has other content
        return


def find_run(folder: Path) -> RunFolder:
    """Return the files of the run in `folder`, or of the run below runs/ that has this name.

    Raises:
        UserError: `folder` is not a run folder, or several runs have this name.
    """
    run = RunFolder(named_folder(folder))
    if not run.config.exists():
        raise UserError(f"{folder} is not a run folder: it has no config.json. Set --workdir to one.")
    return run


def open_run(folder: Path) -> Run:
    """Return the run in `folder`.

    Raises:
        UserError: `folder` is not a run folder, or this version cannot read its configuration.
    """
    found = find_run(folder)
    return with_recorded_classes(Run(found.folder, load_experiment(str(found.config))))


def identity(experiment: Experiment) -> dict[str, Any]:
    """The tree of an experiment without `data.root` and `plugins`: a run remains the same where these files move."""
    tree: dict[str, Any] = to_tree(experiment)
    del tree["data"]["root"], tree["plugins"]
    return tree


def as_configured(run: Run) -> Experiment:
    """The experiment of a run, without classes if its configuration leaves them to the training set."""
    recorded = (read_json(run.config) or {}).get("data", {}).get("emotions")
    return with_emotions(run.experiment, ()) if recorded == [] else run.experiment


def identifier(run: Run) -> str:
    """NAME/DIGEST, the name of the folder that a run has by default below runs/."""
    experiment = as_configured(run)
    return f"{experiment.name}/{digest(to_tree(experiment))}"


def with_emotions(experiment: Experiment, emotions: tuple[str, ...]) -> Experiment:
    """The same experiment with fixed classes."""
    return replace(experiment, data=replace(experiment.data, emotions=emotions))


def clips_in(split: Mapping[str, Any], *sets: str) -> list[dict[str, Any]]:
    """The clips of a `split.json` of which a version is in one of these sets (of `SPLITS`)."""
    return [clip for clip in split["clips"] if not set(sets).isdisjoint(clip["splits"])]


def recorded_classes(split: dict[str, Any]) -> tuple[str, ...]:
    """The classes of a `split.json`."""
    return tuple(split.get("emotions", ())) or training_emotions(split)


def training_emotions(split: dict[str, Any]) -> tuple[str, ...]:
    """The emotions of the training set of a `split.json`."""
    return in_usual_order(clip["emotion"] for clip in clips_in(split, "train"))


def class_notes(records: dict[str, Any], emotions: Sequence[str]) -> tuple[str, ...]:
    """Sentences on labels without a training clip, by the content of a `split.json`."""
    trained = training_emotions(records)
    tested = Counter(clip["emotion"] for clip in clips_in(records, "test"))
    return (
        *(
            f"{label}: no clip of {label} is in the training set, so it is not a class; omitted: "
            f"{counted(count, 'clip')}."
            for label, count in records.get("omitted", {}).items()
        ),
        *(
            f"{label}: no clip of {label} is in the training set, so the class is never trained on; it has "
            f"{counted(tested[label], 'test clip')}. Add clips, or remove it from data.emotions."
            for label in emotions
            if label not in trained
        ),
    )


def with_recorded_classes(run: Run) -> Run:
    """The run with the classes of its `split.json`, if its configuration leaves them to the training set."""
    if run.experiment.data.emotions or not (split := read_json(run.split)) or "clips" not in split:
        return run
    return Run(run.folder, with_emotions(run.experiment, recorded_classes(split)))


def named_folder(folder: Path) -> Path:
    """The folder of the run that has this name (`run_names`); `folder` itself if it exists, or no run has the name.

    Raises:
        UserError: several runs have the name, such as a run and its copy.
    """
    runs = [] if folder.exists() else run_names().get(str(folder), [])
    if len(runs) > 1:
        raise UserError(f"{folder} is the name of several runs: {', '.join(map(str, runs))}. Set --workdir to one.")
    return runs[0] if runs else folder


def run_names() -> dict[str, list[Path]]:
    """The names (`--mode=runs --name=NAME`) of runs below runs/, each with the folders that have it."""
    names: dict[str, list[Path]] = {}
    for pattern in ("*/name.txt", "*/*/name.txt"):
        for path in sorted(RUNS.glob(pattern)):
            names.setdefault(path.read_text(encoding="utf-8", errors="replace").strip(), []).append(path.parent)
    return names
