"""The data of a run, which training, evaluation and export share, and its network."""

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from aersut.config import Experiment
from aersut.contracts import Model, Plugin
from aersut.data.assignment import SPLITS
from aersut.data.collection import Collection, collect, recordings
from aersut.data.feature_table import FeatureTable
from aersut.data.splits import Split, read_split, split, to_records
from aersut.errors import UserError
from aersut.features.cache import cached_features
from aersut.features.frontend import Frontend
from aersut.labels import EMOTIONS
from aersut.paths import expanded, write_json
from aersut.plugin_code import dependencies
from aersut.registry import AUGMENTERS, FEATURES, MODELS, OPTIMIZERS, Registry
from aersut.run_folder import Run, class_notes, training_emotions, with_emotions, with_recorded_classes


@dataclass(frozen=True)
class Prepared:
    """The data of a run, split, as features.

    Attributes:
        collection: the clips.
        split: the division into training, validation and test set.
        frontend: the audio frontend (feature extraction in front of the classifier), scaled by the training set.
        table: base features of each version of each clip, on disk.
        labels: the class of each clip.
        notes: on labels without a training clip.
    """

    collection: Collection
    split: Split
    frontend: Frontend
    table: FeatureTable
    labels: Int[np.ndarray, " clips"]
    notes: tuple[str, ...] = ()

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
            len(experiment.data.emotions or EMOTIONS),
            per_utterance=experiment.scaling == "utterance",
        )
    except ValueError as error:
        raise UserError(f"experiment.features: {error}") from None


@contextlib.contextmanager
def network_errors(model: Model, key: str = "model") -> Iterator[None]:
    """Raise `UserError` with the name of the model, that of `experiment.<key>`, for a `ValueError` of its `build`."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"experiment.{key} '{MODELS.name_of(model)}': {error}") from None


@dataclass(frozen=True)
class Division:
    """The clips of an experiment, split.

    Attributes:
        experiment: with the classes in `data.emotions`.
        records: content of `split.json`.
    """

    experiment: Experiment
    collection: Collection
    split: Split
    records: dict[str, Any]


def divide(experiment: Experiment, collection: Collection | None = None) -> Division:
    """Collect and split the clips. Classes that `data.emotions` does not fix are the labels of the training set.

    A label without a training clip is omitted, which may change the split; so this is repeated until each has one.

    Args:
        collection: of the experiment's corpora, if it was collected before.

    Raises:
        UserError: the data cannot be used, or the training set has fewer than two labels.
    """
    make_frontend(experiment)  # a mistake there is reported before any clip is decoded
    data, omitted = experiment.data, Counter[str]()
    while True:
        if collection is None:
            collection = collect(experiment.data, experiment.framing)
        clips, contents = collection.clips, collection.contents
        assigned = split(data, clips, recordings(contents), 1 + experiment.augmented_copies)
        records = to_records(assigned, clips, contents, expanded(data.root))
        records |= {"emotions": list(collection.emotions), "omitted": dict(omitted)}
        trained = training_emotions(records)
        if not data.emotions and len(trained) < 2:
            raise UserError(
                f"all clips of the training set are labelled {trained[0]}: expected at least two labels. Add clips, or "
                "choose another split."
            )
        if data.emotions or trained == collection.emotions:
            return Division(with_emotions(experiment, collection.emotions), collection, assigned, records)
        omitted += Counter(clip.emotion for clip in collection.clips if clip.emotion not in trained)
        experiment, collection = with_emotions(experiment, trained), None


def with_classes(run: Run) -> tuple[Run, Division | None]:
    """The run with the classes in its `data.emotions`, which are decided once, before anything is trained.

    The division that decided them saves `prepare` the work; None if they were known.

    Raises:
        UserError: as `prepare`.
    """
    run = with_recorded_classes(run)
    if run.experiment.data.emotions:
        return run, None
    divided = divide(run.experiment)
    recorded(run, divided.records)
    return replace(run, experiment=divided.experiment), divided


def prepare(run: Run, divided: Division | None = None) -> Prepared:
    """Collect and split the clips, and compute their features or read them from the cache; write `split.json`.

    Raises:
        UserError: the data cannot be used, or differs from the data with which the run was started.
    """
    divided = divided or divide(with_recorded_classes(run).experiment)
    experiment, collection, assigned = divided.experiment, divided.collection, divided.split
    records = recorded(run, divided.records)
    frontend = make_frontend(experiment)
    table = cached_features(frontend, collection, assigned.assignment >= 0, experiment.seed)
    if experiment.scaling == "standard":
        frontend = frontend.fit_scaling(table, assigned.examples("train"))
    labels = np.array(collection.labels, np.int32)
    return Prepared(collection, assigned, frontend, table, labels, class_notes(records, experiment.data.emotions))


def split_summary(prepared: Prepared) -> str:
    """Description of the split, the features and the classes in two lines."""
    counts = ", ".join(f"{len(prepared.split.examples(name)):,} {name}" for name in SPLITS)
    frames, channels = prepared.frontend.shape
    unused = f" ({prepared.split.unused:,} clips are in no set)" if prepared.split.unused else ""
    return (
        f"protocol {prepared.split.protocol}: {counts} examples{unused}; "
        f"features: {frames} frames × {channels} channels\n"
        f"{len(prepared.collection.emotions)} classes: {', '.join(prepared.collection.emotions)}"
    )


def same_split(one: Run, other: Run) -> bool:
    """Whether two runs have the same recordings in the same sets, by their `split.json`."""
    records = [read_split(run.split) for run in (one, other)]
    return None not in records and len({frozenset(_clip_counts(table).items()) for table in records if table}) == 1


def _clip_counts(records: dict[str, Any]) -> Counter[tuple[str | None, ...]]:
    """The number of clips of each content, emotion and assignment."""
    return Counter((clip["content"], clip["emotion"], *clip["splits"]) for clip in records["clips"])


PLUGINS: dict[str, Registry[Any]] = {
    "features": FEATURES,
    "augment": AUGMENTERS,
    "model": MODELS,
    "optimizer": OPTIMIZERS,
}
"""Keys of the plugins of an experiment whose code and files `split.json` records."""
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def record_plugins(run: Run) -> None:
    """Write the code of the run's plugins, and the files that they read, into its `split.json`."""
    write_json(run.split, {**(read_split(run.split) or {}), "plugins": _dependencies(run.experiment), "python": PYTHON})


def check_plugins(run: Run, *keys: str) -> None:
    """Raise `UserError` if the code of plugins under these keys of `PLUGINS`, or a file that they read, has changed.

    Runs of earlier versions have no record. Another version of Python may write the same code in another way.
    """
    records = read_split(run.split) or {}
    before = records.get("plugins", {}) if records.get("python") == PYTHON else {}
    now = _dependencies(run.experiment, *keys)
    for key in keys:
        changes = zip(_plugins(run.experiment, key), before.get(key, now[key]), now[key], strict=True)
        for plugin in (plugin for plugin, one, other in changes if one != other):
            raise UserError(
                f"the code of experiment.{key} '{PLUGINS[key].name_of(plugin)}', or a file that it reads, has changed "
                f"since run {run.folder} was started. Restore it, or start another run with another --workdir."
            )


def _plugins(experiment: Experiment, key: str) -> tuple[Plugin, ...]:
    found = getattr(experiment, key)
    return found if isinstance(found, tuple) else (found,)


def _dependencies(experiment: Experiment, *keys: str) -> dict[str, list[str]]:
    return {key: dependencies(_plugins(experiment, key)) for key in keys or PLUGINS}


def recorded(run: Run, records: dict[str, Any]) -> dict[str, Any]:
    """The content of a run's `split.json`, which is written first if there is none.

    Raises:
        UserError: the clips differ from those with which the run was started.
    """
    if not run.split.exists():
        write_json(run.split, records)
        return records
    if (before := read_split(run.split)) is None:
        raise UserError(f"{run.split} is damaged. Restore it, or start another run with another --workdir.")
    known, now = map(_clip_counts, (before, records))
    if known != now:
        raise UserError(
            f"the data has changed since run {run.folder} was started: {(known - now).total()} clips are missing, or "
            f"have another emotion or set; {(now - known).total()} are new. Restore the data, or start another run "
            "with another --workdir."
        )
    return before
