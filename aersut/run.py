"""A run: its folder, and everything that training, evaluation and export need of its experiment."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx
from jaxtyping import Float, Int

from aersut.config import Experiment, checked, differences, digest, from_tree, to_tree
from aersut.data.collection import Collection, collect
from aersut.data.splits import PARTS, Split, split, to_records
from aersut.data.table import Table
from aersut.errors import UserError
from aersut.features.frontend import Frontend
from aersut.models.network import Network
from aersut.paths import write_json
from aersut.registry import MODELS, import_plugins


@dataclass(frozen=True)
class Run:
    """A run folder and the experiment whose results it holds."""

    folder: Path
    experiment: Experiment

    @property
    def config(self) -> Path:
        return self.folder / "config.json"

    @property
    def split(self) -> Path:
        return self.folder / "split.json"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def records(self) -> Path:
        return self.folder / "metrics.jsonl"

    @property
    def sessions(self) -> Path:
        return self.folder / "sessions.jsonl"

    @property
    def plots(self) -> Path:
        return self.folder / "plots"

    @property
    def evaluation(self) -> Path:
        return self.folder / "evaluation" / "metrics.json"

    @property
    def export(self) -> Path:
        return self.folder / "export"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def teacher(self) -> Path:
        return self.folder / "teacher"

    @property
    def synthetic(self) -> bool:
        """Whether any of its speech is synthetic, which every output says."""
        return any(entry["name"] == "synthetic" for entry in to_tree(self.experiment.data)["corpora"])


def start(experiment: Experiment, folder: Path | None = None) -> Run:
    """Return the run of an experiment, in `folder` or in the one that its configuration names; make it if it is new.

    Raises:
        UserError: the folder holds another experiment's run, or something that is no run.
    """
    experiment = checked(experiment)
    tree = to_tree(experiment)
    run = Run(folder or Path("runs") / experiment.name / digest(tree), experiment)
    if run.config.exists():
        changed = differences(to_tree(open_run(run.folder).experiment), tree)
        if changed:
            raise UserError(
                f"run folder {run.folder} holds another experiment; its configuration / the one asked for differ in: "
                f"{'; '.join(changed[:3])}{' …' if len(changed) > 3 else ''}. Choose another --workdir or leave it out."
            )
        return run
    try:
        # what begins with a dot may be a config.json whose writing was interrupted; another process of one training may
        # have written it since
        strange = run.folder.exists() and any(not path.name.startswith(".") for path in run.folder.iterdir())
        if strange and not run.config.exists():
            raise UserError(
                f"folder {run.folder} is not empty and no run (it has no config.json). Choose another --workdir."
            )
        write_json(run.config, tree)
    except OSError as error:
        raise UserError(
            f"run folder {run.folder} cannot be written: {error.strerror}. Choose another --workdir."
        ) from None
    return run


def open_run(folder: Path) -> Run:
    """Return the run in `folder`.

    Raises:
        UserError: there is none, or its configuration cannot be read by this version.
    """
    run = Run(folder, Experiment())
    try:
        tree = json.loads(run.config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{folder} is no run folder: there is no config.json in it. Name one with --workdir.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{run.config} cannot be read: {error}.") from None
    if not isinstance(tree, dict):
        raise UserError(f"{run.config} is not the configuration of a run: expected an object.")
    import_plugins(tree.get("plugins") or ())
    return Run(folder, from_tree(tree))


@dataclass(frozen=True)
class Prepared:
    """The data of a run, split, as features.

    Attributes:
        table: unscaled features of each version of each clip, on disk.
        labels: the class of each clip.
        frontend: with its scaling fitted on the training part.
    """

    collection: Collection
    split: Split
    frontend: Frontend
    table: Table
    labels: Int[np.ndarray, " clips"]

    def features(self, items: Int[np.ndarray, "items 2"]) -> Float[np.ndarray, "items frames channels"]:
        """Unscaled features of (clip, version) pairs."""
        return self.table.take(items)


def make_frontend(experiment: Experiment) -> Frontend:
    """The experiment's frontend, without scaling."""
    try:
        return Frontend(
            experiment.framing,
            experiment.features,
            experiment.augment,
            len(experiment.data.emotions),
            per_utterance=experiment.scaling == "utterance",
        )
    except ValueError as error:
        raise UserError(f"experiment.features: {error}") from None


def build_network(experiment: Experiment, frontend: Frontend) -> Network:
    """The experiment's network with its initial weights."""

    def build() -> Network:
        rngs = nnx.Rngs(jax.random.key(experiment.seed))
        return experiment.model.build(*frontend.shape, frontend.classes, rngs)

    try:
        return nnx.jit(build)()  # one compilation, kept for the next process, in place of one per initializer
    except ValueError as error:
        raise UserError(f"experiment.model '{MODELS.name_of(experiment.model)}': {error}") from None


def prepare(run: Run) -> Prepared:
    """Collect, split, and compute (or find in the cache) the features; write `split.json` for a new run.

    Raises:
        UserError: the data cannot be used, or is not what the run began with.
    """
    experiment = run.experiment
    frontend = make_frontend(experiment)
    collection = collect(experiment.data, experiment.framing)
    parts = split(experiment.data, collection.clips, collection.contents, 1 + experiment.augmented_copies)
    _agree(run, to_records(parts, collection.clips, collection.contents))
    table = frontend.cached(collection, parts.parts >= 0, experiment.seed)
    if experiment.scaling == "standard":
        frontend = frontend.fit_scaling(table, parts.items("train"))
    return Prepared(collection, parts, frontend, table, np.array(collection.labels, np.int32))


def describe(prepared: Prepared) -> str:
    """One line on the split, for the terminal."""
    counts = ", ".join(f"{len(prepared.split.items(part)):,} {part}" for part in PARTS)
    return (
        f"protocol {prepared.split.protocol}: {counts} items; features of {prepared.frontend.shape} frames × channels"
    )


def _agree(run: Run, records: dict[str, Any]) -> None:
    if not run.split.exists():
        write_json(run.split, records)
        return
    before = json.loads(run.split.read_text(encoding="utf-8"))
    known, now = (
        Counter((clip["content"], clip["emotion"], *clip["parts"]) for clip in side["clips"])
        for side in (before, records)
    )
    if known != now:
        raise UserError(
            f"the data is not what run {run.folder} began with: {(known - now).total()} clips are gone, of another "
            f"emotion or in another part, {(now - known).total()} are new. Restore the data, or start another run with "
            "another --workdir."
        )
