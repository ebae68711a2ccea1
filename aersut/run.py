"""The data of a run, which training, evaluation and export share, and its network."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from aersut.config import Experiment
from aersut.data.collection import Collection, collect
from aersut.data.feature_table import FeatureTable
from aersut.data.protocols import SPLITS
from aersut.data.splits import Split, read_split, split, to_records
from aersut.errors import UserError
from aersut.features.cache import cached_features
from aersut.features.frontend import Frontend
from aersut.paths import write_json
from aersut.registry import MODELS
from aersut.run_folder import RUNS as RUNS
from aersut.run_folder import Run as Run
from aersut.run_folder import default_folder as default_folder
from aersut.run_folder import open_run as open_run
from aersut.run_folder import start as start


@dataclass(frozen=True)
class Prepared:
    """The data of a run, split, as features.

    Attributes:
        collection: the clips.
        split: the division into training, validation and test set.
        frontend: the audio frontend (feature extraction in front of the classifier), scaled by the training set.
        table: base features of each version of each clip, on disk.
        labels: the class of each clip.
    """

    collection: Collection
    split: Split
    frontend: Frontend
    table: FeatureTable
    labels: Int[np.ndarray, " clips"]

    def features(self, items: Int[np.ndarray, "items 2"]) -> Float[np.ndarray, "items frames channels"]:
        """Base features of (clip, version) pairs."""
        return self.table.take(items)


def make_frontend(experiment: Experiment) -> Frontend:
    """The audio frontend of an experiment, without scaling."""
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


@contextlib.contextmanager
def network_errors(experiment: Experiment) -> Iterator[None]:
    """Raise `UserError` with the name of the model for a `ValueError` of its `build`."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"experiment.model '{MODELS.name_of(experiment.model)}': {error}") from None


def prepare(run: Run) -> Prepared:
    """Collect and split the clips, and compute their features or read them from the cache; write `split.json`.

    Raises:
        UserError: the data cannot be used, or differs from the data with which the run was started.
    """
    experiment = run.experiment
    frontend = make_frontend(experiment)
    collection = collect(experiment.data, experiment.framing)
    assigned = split(experiment.data, collection.clips, collection.contents, 1 + experiment.augmented_copies)
    _check_unchanged(run, to_records(assigned, collection.clips, collection.contents))
    table = cached_features(frontend, collection, assigned.assignment >= 0, experiment.seed)
    if experiment.scaling == "standard":
        frontend = frontend.fit_scaling(table, assigned.examples("train"))
    return Prepared(collection, assigned, frontend, table, np.array(collection.labels, np.int32))


def split_summary(prepared: Prepared) -> str:
    """Description of the split and the features in one line."""
    counts = ", ".join(f"{len(prepared.split.examples(name)):,} {name}" for name in SPLITS)
    frames, channels = prepared.frontend.shape
    return f"protocol {prepared.split.protocol}: {counts} examples; features: {frames} frames × {channels} channels"


def same_split(one: Run, other: Run) -> bool:
    """Whether two runs have the same recordings in the same sets, by their `split.json`."""
    records = [read_split(run.split) for run in (one, other)]
    return None not in records and len({frozenset(_clip_counts(table).items()) for table in records if table}) == 1


def _clip_counts(records: dict[str, Any]) -> Counter[tuple[str | None, ...]]:
    """The number of clips of each content, emotion and assignment."""
    return Counter((clip["content"], clip["emotion"], *clip["splits"]) for clip in records["clips"])


def _check_unchanged(run: Run, records: dict[str, Any]) -> None:
    if not run.split.exists():
        write_json(run.split, records)
        return
    if (before := read_split(run.split)) is None:
        raise UserError(f"{run.split} is damaged. Restore it, or start another run with another --workdir.")
    known, now = map(_clip_counts, (before, records))
    if known != now:
        raise UserError(
            f"the data has changed since run {run.folder} was started: {(known - now).total()} clips are missing, or "
            f"have another emotion or set; {(now - known).total()} are new. Restore the data, or start another run "
            "with another --workdir."
        )
