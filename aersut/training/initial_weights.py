"""The initial weights of a fine-tuning: reading, checking and writing them, and what limits the use of the result."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from aersut import initial
from aersut.config import Experiment, from_tree
from aersut.data.collection import Collection, possible_speakers, recognized_speakers, recordings
from aersut.data.protocols import PROTOCOLS
from aersut.data.splits import Split, read_split
from aersut.errors import UserError
from aersut.features.frontend import Scaling
from aersut.paths import read_json, write_json
from aersut.registry import CORPORA, import_plugins
from aersut.run_folder import Run, RunFolder, clips_in, with_recorded_classes
from aersut.texts import counted
from aersut.training.packing import leaf_name
from aersut.training.state import HEAD
from aersut.training.trained import Trained, load_trained
from aersut.zoo import catalog

State = nnx.State[Any, Any]
SCALING = "scaling/"
"""In front of the names of the scaling's arrays in a file of weights."""


@dataclass(frozen=True)
class Origin:
    """What the weights of a run come from; in init.json.

    Attributes:
        model: name or path of the model that gave the initial weights.
        digest: of these weights.
        licences: of the corpora that they were trained on, directly or by initial weights of their own; "" if none.
        seen_speakers: of training and validation by corpus.
        seen_recordings: hashes of their recordings, as in split.json; () for a model of the zoo.
    """

    model: str
    digest: str
    licences: Mapping[str, str]
    seen_speakers: Mapping[str, list[str]]
    seen_recordings: Sequence[str] = ()


@dataclass(frozen=True)
class InitialWeights:
    """Weights that initialize a network.

    Attributes:
        arrays: of parameters and of BatchNorm by name ("first.kernel").
        emotions: the classes, in the order of the head's outputs.
        scaling: of the features, by the training set of these weights.
    """

    arrays: Mapping[str, Float[np.ndarray, "..."]]
    emotions: tuple[str, ...]
    scaling: Scaling | None
    origin: Origin

    def check(self, experiment: Experiment, shapes: tuple[State, State]) -> None:
        """Raise `UserError` if a network has other arrays.

        Args:
            shapes: of its parameters and of its other state.
        """
        expected = {name: leaf.shape for state in shapes for name, leaf in _floats(state).items()}
        for name in [*expected, *self.arrays]:
            ours, theirs = expected.get(name), self.arrays[name].shape if name in self.arrays else None
            if _is_head(name) and ours and theirs:  # the last axis is that of the classes
                ours, theirs = ours[:-1], theirs[:-1]
            if ours != theirs:
                raise UserError(
                    f"the weights of {self.origin.model} do not fit experiment.model: {name} is "
                    f"{_shape(theirs)} in the weights and {_shape(ours)} in the network. Omit experiment.model, which "
                    "comes with the weights, or omit init."
                )
        if experiment.init.trainable == "head" and not any(map(_is_head, expected)):
            raise UserError("init.trainable=head needs a network with a head; set init.trainable=all.")

    def applied(self, state: State, emotions: tuple[str, ...]) -> State:
        """A state of a new network with these weights; random keys and the outputs of new classes are kept."""

        def chosen(path: tuple[Any, ...], leaf: Array) -> Array:
            name = leaf_name(path)
            if name not in self.arrays:
                return leaf
            values = self.arrays[name]
            if _is_head(name) and emotions != self.emotions:
                known = [
                    (index, self.emotions.index(one)) for index, one in enumerate(emotions) if one in self.emotions
                ]
                merged = np.array(leaf)
                for ours, theirs in known:
                    merged[..., ours] = values[..., theirs]
                values = merged
            return jnp.asarray(values)

        result: State = jax.tree.map_with_path(chosen, state)
        return result


def read_initial_weights(experiment: Experiment) -> InitialWeights | None:
    """Read the initial weights of an experiment; None if it has none.

    Raises:
        UserError: they are missing or damaged, or differ from those with which the experiment was loaded.
    """
    init = experiment.init
    if not init.model:
        return None
    model = initial.find(init.model)
    if model.digest != init.digest:
        raise UserError(
            f"the weights of {init.model} are not those with which this experiment was loaded (digest "
            f"{model.digest[:10]}, expected {init.digest[:10] or 'one'}). Restore them, or start another run with "
            f"--init={init.model}."
        )
    import_plugins(model.tree.get("plugins") or ())
    run = with_recorded_classes(Run(model.folder, from_tree(model.tree)))
    emotions = run.experiment.data.emotions
    if model.in_zoo:
        arrays, scaling = read_weights(model.folder / catalog.WEIGHTS)
        entry = catalog.read(model.folder.name, model.folder.parent)
        seen = {corpus: list(speakers) for corpus, speakers in entry.seen_speakers.items()}
        return InitialWeights(arrays, emotions, scaling, Origin(init.model, model.digest, entry.licences, seen))
    trained = load_trained(run)
    origin = Origin(init.model, model.digest, corpus_licences(run), seen_speakers(run), seen_recordings(run))
    return InitialWeights(arrays_of(trained), emotions, trained.frontend.scaling, origin)


def arrays_of(trained: Trained) -> dict[str, Float[np.ndarray, "..."]]:
    """Parameters and BatchNorm's averages of a trained network by name, without random keys."""
    states = trained.state.weights, trained.state.rest
    return {name: np.asarray(leaf) for state in states for name, leaf in _floats(state).items()}


def weights_file(trained: Trained) -> bytes:
    """The weights of a trained network, and its scaling, as an .npz file without pickle; equal weights, equal bytes."""
    arrays, scaling, content = arrays_of(trained), trained.frontend.scaling, io.BytesIO()
    if scaling is not None:
        arrays |= {f"{SCALING}{name}": np.asarray(getattr(scaling, name)) for name in ("mean", "deviation")}
    np.savez(content, **cast(Any, arrays))
    return content.getvalue()


def read_weights(path: Path) -> tuple[dict[str, Float[np.ndarray, "..."]], Scaling | None]:
    """Read what `weights_file` wrote: the arrays by name, and the scaling; `UserError` for a damaged file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged: {error}. Install AERSUT again.") from None
    scaling = [arrays.pop(f"{SCALING}{name}", None) for name in ("mean", "deviation")]
    return arrays, None if scaling[0] is None else Scaling(*scaling)


def write_origin(run: RunFolder, origin: Origin) -> None:
    """Write `init.json`."""
    write_json(run.init, {name: getattr(origin, name) for name in Origin.__dataclass_fields__})


def read_origin(run: Run) -> Origin | None:
    """What `write_origin` wrote; None for a run without initial weights.

    Raises:
        UserError: the run has initial weights, and the file is missing or damaged.
    """
    tree = read_json(run.init)
    if tree is None and not run.experiment.init.model:
        return None
    try:
        return Origin(**(tree or {}))
    except TypeError:
        raise UserError(
            f"{run.init} is missing or damaged: it names the speakers and licences of the initial weights "
            f"({run.experiment.init.model}). Restore it, or train again in another run folder."
        ) from None


def check_unseen(origin: Origin, collection: Collection, split: Split) -> None:
    """Raise `UserError` if the initial weights were trained on speakers or recordings of a test set.

    Speaker-dependent protocols are exempt.
    """
    if PROTOCOLS[split.protocol].speaker_dependent:
        return
    rows = sorted(set(split.examples("test")[:, 0].tolist()))
    tested = {collection.clips[row] for row in rows}
    seen_speakers = {f"{corpus}:{speaker}" for corpus, found in origin.seen_speakers.items() for speaker in found}
    if names := sorted(seen_speakers & {name for clip in tested for name in possible_speakers(clip)}):
        raise UserError(
            f"the weights of {origin.model} were trained on speakers of the test set, so its results would be too "
            f"high: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}. Test on other speakers: use the protocol "
            "and the fold of that model, or protocol=given with test_speakers. (Other persons who only have the same "
            "name in your recordings need another one.)"
        )
    found = recordings([*origin.seen_recordings, *collection.contents])
    seen, own = set(found[: len(origin.seen_recordings)]), found[len(origin.seen_recordings) :]
    if leaked := [row for row in rows if own[row] in seen]:
        raise UserError(
            f"the weights of {origin.model} were trained on {counted(len(leaked), 'recording')} of the test set, such "
            f"as {collection.clips[leaked[0]].location}, so its results would be too high. Test on other recordings: "
            "use the protocol and the fold of that model, or protocol=given."
        )


def corpus_licences(run: Run) -> dict[str, str]:
    """Licence by corpus that the weights of a run come from, those of its initial weights first."""
    before = read_origin(run)
    own = {CORPORA.name_of(corpus): corpus.licence for corpus in run.experiment.data.corpora}
    return {**(before.licences if before else {}), **own}


def seen_speakers(run: Run) -> dict[str, list[str]]:
    """Speakers of the training and validation set by corpus, with those that the initial weights were trained on."""
    before = read_origin(run)
    seen = {corpus: set(speakers) for corpus, speakers in (before.seen_speakers if before else {}).items()}
    for clip in _own_clips(run):
        seen.setdefault(clip["corpus"], set()).add(clip["speaker"])
        for corpus, _, speaker in (one.partition(":") for one in recognized_speakers(Path(clip["path"]))):
            seen.setdefault(corpus, set()).add(speaker)
    return {name: sorted(one) for name, one in seen.items()}


def seen_recordings(run: Run) -> list[str]:
    """Hashes of the recordings of the training and validation set, and of those of the initial weights."""
    before = read_origin(run)
    own = {clip["content"] for clip in _own_clips(run)}
    return sorted(own.union(before.seen_recordings if before else ()))


def _own_clips(run: Run) -> list[dict[str, Any]]:
    """The clips of the training and validation set; none without a split.json."""
    split = read_split(run.split)
    return clips_in(split, "train", "validation") if split else []


def _floats(state: State) -> dict[str, Any]:
    """The arrays of a state that are weights or averages, by name; the others belong to random keys."""
    leaves = ((leaf_name(path), leaf) for path, leaf in jax.tree.leaves_with_path(state))
    return {name: leaf for name, leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.floating)}


def _is_head(name: str) -> bool:
    return HEAD in name.split(".")


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else str(list(shape))
