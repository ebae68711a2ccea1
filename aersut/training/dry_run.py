"""What a training would do: configuration, clips, network, steps and disk use, without a run folder."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import jax

from aersut.config import Experiment, checked
from aersut.data.collection import Collection, collection_lines
from aersut.features.frontend import Frontend
from aersut.models.cost import cost
from aersut.paths import cache_dir
from aersut.registry import MODELS
from aersut.run import divide, make_frontend, network_errors, recorded
from aersut.run_folder import Run, as_configured, class_notes
from aersut.texts import counted
from aersut.training.initial_weights import read_initial_weights
from aersut.training.setup import InitialNetwork, checked_steps
from aersut.training.trained import abstract_state
from aersut.tree import to_tree


def dry_run(run: Run) -> str:
    """Describe the training of a run whose folder need not exist; it is not created.

    The clips are decoded into the audio store, since a split depends on their contents.

    Raises:
        UserError: the experiment cannot be trained on its data or from its initial weights, or its run was started
            with other data.
    """
    divided = divide(checked(run.experiment))
    if run.split.exists():
        recorded(run, divided.records)
    experiment, collection, found = divided.experiment, divided.collection, divided.split
    frontend = make_frontend(experiment)
    sets = {name: found.examples(name) for name in ("train", "validation", "test")}
    frames, channels = frontend.shape
    done = max((int(path.name) for path in run.checkpoints.glob("*") if path.name.isdigit()), default=0)
    initial = None if done else read_initial_weights(experiment)
    steps = checked_steps(run, divided, InitialNetwork(experiment, computed=False), initial)
    clips = ", ".join(f"{len(set(rows[:, 0].tolist())):,} {name}" for name, rows in sets.items())
    copies = f"; {len(sets['train']):,} training examples with augmented copies" if experiment.augmented_copies else ""
    unused = f"; {found.unused:,} clips are in no set" if found.unused else ""
    updates = (
        f", an update every {every} steps" if (every := getattr(experiment.optimizer, "accumulate", 1)) > 1 else ""
    )
    lines = [
        json.dumps(to_tree(as_configured(run)), indent=2),
        "",
        f"run folder {run.folder} ({f'epoch {done} is done' if done else 'new'})",
        *collection_lines(collection),
        f"protocol {found.protocol}: clips: {clips}{copies}{unused}",
        *([f"WARNING: {found.warning}"] if found.warning else []),
        f"{len(collection.emotions)} classes: {', '.join(collection.emotions)}",
        *class_notes(divided.records, collection.emotions),
        f"features: {frames} frames × {channels} channels",
        _network("model", experiment, frontend),
        *([f"initial weights: {experiment.init.model}; trainable: {experiment.init.trainable}"] if initial else []),
        *([_network("teacher", experiment, frontend)] if experiment.teacher else []),
        f"training: {experiment.epochs} epochs of {counted(steps, 'step')} with {experiment.batch_size} examples each: "
        f"{experiment.epochs * steps:,} steps{updates}",
        *_disk_use(run.folder, experiment, frontend, collection, found.assignment.size),
        "nothing was trained or written, apart from the audio store (--dry-run)",
    ]
    return "\n".join(lines)


def _network(role: str, experiment: Experiment, frontend: Frontend) -> str:
    model: Any = experiment.teacher if role == "teacher" else experiment.model
    with network_errors(model, role):
        found = cost(model, *frontend.shape, frontend.classes)
    return (
        f"{role} {MODELS.name_of(model)}: {found.parameters:,} parameters, {found.macs:,} multiply-accumulates per "
        f"window, {found.int8_bytes / 1000:,.1f} KB of int8 weights"
    )


def _disk_use(folder: Path, experiment: Experiment, frontend: Frontend, collection: Collection, rows: int) -> list[str]:
    _, like = abstract_state(experiment, frontend)
    state = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(like))
    kept = 2 if experiment.select == "best" else 1
    stores = {store.key for store, _ in collection.stores}
    audio = sum(
        file.stat().st_size for key in stores for file in (cache_dir() / "store").glob(f"*/{key}/*.array_record")
    )
    features = 4 * rows * math.prod(frontend.base_shape)
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    return [
        f"disk use: checkpoints {_size(kept * state)} in the run folder "
        f"({_size(shutil.disk_usage(existing).free)} are free); audio store {_size(audio)}, features "
        f"{_size(features)} in the cache {cache_dir()}"
    ]


def _size(size: float) -> str:
    return f"{size / 1e3:,.0f} KB" if size < 1e6 else f"{size / 1e6:,.1f} MB"
