"""The clips of an evaluation: a run's test set, or all clips of other corpora."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from aersut.config import checked, digest, to_tree
from aersut.contracts import Clip, Corpus
from aersut.data.collection import Collection, collect
from aersut.data.protocols import SPLITS
from aersut.data.splits import read_split
from aersut.errors import UserError
from aersut.features.cache import cached_features
from aersut.features.frontend import Frontend
from aersut.registry import CORPORA
from aersut.run import Run, prepare

Windows = Callable[[Int[np.ndarray, " rows"]], Float[np.ndarray, "rows samples"]]


@dataclass(frozen=True)
class EvaluationSet:
    """Clips with their labels, features and windows.

    Attributes:
        features: unscaled.
        audio: returns the windows of the given rows, samples in [-1, 1]; None if the clips are augmented copies.
        about: protocol, corpora, leaks, warning: what metrics.json holds beside the metrics.
        name: folder of the results under `evaluation/`; "" for the run's own test set.
    """

    clips: tuple[Clip, ...]
    labels: Int[np.ndarray, " clips"]
    features: Float[np.ndarray, "clips frames channels"]
    audio: Windows | None
    about: dict[str, Any]
    name: str = ""


def own_test_set(run: Run) -> EvaluationSet:
    """The test set of a run's split."""
    prepared = prepare(run)
    examples = prepared.split.examples("test")
    about = {
        "protocol": prepared.split.protocol,
        "leaks": prepared.split.leaks,
        "speaker_independent": prepared.split.speaker_independent,
        "warning": prepared.split.warning,
        "corpora": [CORPORA.name_of(corpus) for corpus in run.experiment.data.corpora],
        "synthetic": run.synthetic,
    }
    clips = tuple(prepared.collection.clips[clip] for clip in examples[:, 0])
    audio = None if examples[:, 1].any() else _windows(prepared.collection, examples[:, 0])
    return EvaluationSet(clips, prepared.labels[examples[:, 0]], prepared.features(examples), audio, about)


def other_corpora_set(
    run: Run, frontend: Frontend, root: str | None, corpora: tuple[Corpus, ...] | None
) -> EvaluationSet:
    """All clips of other corpora, or of another data root.

    The set leaks if one of its recordings is in the run's training or validation set. It is speaker-independent if none
    of its speakers is in them.
    """
    data = run.experiment.data
    data = replace(data, root=data.root if root is None else root, corpora=data.corpora if corpora is None else corpora)
    data = checked(replace(run.experiment, data=data)).data
    collection = collect(data, run.experiment.framing)
    used = np.ones((len(collection), 1), bool)
    contents, speakers = _seen(run)
    leaks = any(content in contents for content in collection.contents)
    independent = not any(clip.speaker_id in speakers for clip in collection.clips)
    warning = ""
    if leaks:
        warning = "this evaluation LEAKS: some of its clips are in the run's training or validation set."
    elif not independent:
        warning = "some speakers of this evaluation are in the run's training or validation set."
    names = [CORPORA.name_of(corpus) for corpus in data.corpora]
    about = {
        "protocol": "external",
        "leaks": leaks,
        "speaker_independent": independent,
        "warning": warning,
        "corpora": names,
        "root": data.root,
        "synthetic": any(corpus.synthetic for corpus in data.corpora),
    }
    return EvaluationSet(
        clips=collection.clips,
        labels=np.array(collection.labels),
        features=cached_features(frontend, collection, used, run.experiment.seed).take(np.argwhere(used)),
        audio=_windows(collection, np.arange(len(collection))),
        about=about,
        name=f"{'+'.join(names)}-{digest([str(Path(data.root).absolute()), to_tree(data)['corpora']])}",
    )


def _windows(collection: Collection, clips: Int[np.ndarray, " clips"]) -> Windows:
    return lambda rows: np.stack([collection.window(clip) for clip in clips[rows].tolist()]).astype(np.float32) / 32768


def _seen(run: Run) -> tuple[set[str], set[str]]:
    """Hashes of the recordings, and the speakers, of the training and validation sets."""
    if (split := read_split(run.split)) is None:
        raise UserError(f"{run.split} is missing or damaged: it names the clips of the training set. Restore it.")
    seen = [clip for clip in split["clips"] if set(SPLITS[:2]) & set(clip["splits"])]
    return {clip["content"] for clip in seen}, {f"{clip['corpus']}:{clip['speaker']}" for clip in seen}
