"""What is judged on: a run's test part, or all clips of other corpora."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from aersut.config import checked, digest, to_tree
from aersut.contracts import Clip, Corpus
from aersut.data.collection import Collection, collect
from aersut.data.splits import PARTS
from aersut.features.frontend import Frontend
from aersut.run import Run, prepare

Windows = Callable[[Int[np.ndarray, " rows"]], Float[np.ndarray, "rows samples"]]


@dataclass(frozen=True)
class Speech:
    """Clips with everything that a model may want of them.

    Attributes:
        labels: the class of each clip.
        features: unscaled.
        audio: the windows of some of the clips, as samples in [-1, 1]; None where augmented copies are judged.
        about: protocol, corpora, whether it leaks: what is said beside the figures.
        name: of the folder of its results under `evaluation/`; "" for the run's own test part.
    """

    clips: tuple[Clip, ...]
    labels: Int[np.ndarray, " clips"]
    features: Float[np.ndarray, "clips frames channels"]
    audio: Windows | None
    about: dict[str, Any]
    name: str = ""


def test_part(run: Run) -> Speech:
    """The run's own test part."""
    prepared = prepare(run)
    items = prepared.split.items("test")
    about = {
        "protocol": prepared.split.protocol,
        "leaks": prepared.split.leaks,
        "speaker_independent": prepared.split.speaker_independent,
        "warning": prepared.split.warning,
        "corpora": _names(run.experiment.data),
        "synthetic": run.synthetic,
    }
    clips = tuple(prepared.collection.clips[clip] for clip in items[:, 0])
    audio = None if items[:, 1].any() else _windows(prepared.collection, items[:, 0])
    return Speech(clips, prepared.labels[items[:, 0]], prepared.features(items), audio, about)


def elsewhere(run: Run, frontend: Frontend, root: str | None, corpora: tuple[Corpus, ...] | None) -> Speech:
    """All clips of other corpora, or of another root.

    It leaks where the run was trained or chosen on one of the recordings; it is not speaker-independent where it was
    trained or chosen on one of the speakers.
    """
    data = run.experiment.data
    data = replace(data, root=data.root if root is None else root, corpora=data.corpora if corpora is None else corpora)
    data = checked(replace(run.experiment, data=data)).data
    collection = collect(data, run.experiment.framing)
    used = np.ones((len(collection), 1), bool)
    contents, speakers = _heard(run)
    leaks = any(content in contents for content in collection.contents)
    independent = not any(clip.speaker_id in speakers for clip in collection.clips)
    warning = ""
    if leaks:
        warning = "this evaluation LEAKS: some of its clips were in the run's training or validation part."
    elif not independent:
        warning = "some speakers of this evaluation were in the run's training or validation part."
    names = _names(data)
    about = {
        "protocol": "elsewhere",
        "leaks": leaks,
        "speaker_independent": independent,
        "warning": warning,
        "corpora": names,
        "root": data.root,
        "synthetic": "synthetic" in names,
    }
    return Speech(
        clips=collection.clips,
        labels=np.array(collection.labels),
        features=frontend.cached(collection, used, run.experiment.seed).take(np.argwhere(used)),
        audio=_windows(collection, np.arange(len(collection))),
        about=about,
        name=f"{'+'.join(names)}-{digest([str(Path(data.root).absolute()), to_tree(data)['corpora']])}",
    )


def _windows(collection: Collection, clips: Int[np.ndarray, " clips"]) -> Windows:
    return lambda rows: np.stack([collection.window(clip) for clip in clips[rows].tolist()]).astype(np.float32) / 32768


def _names(data: Any) -> list[str]:
    return [corpus["name"] for corpus in to_tree(data)["corpora"]]


def _heard(run: Run) -> tuple[set[str], set[str]]:
    """The recordings, and the speakers, of the parts that trained and chose the network."""
    clips = json.loads(run.split.read_text(encoding="utf-8"))["clips"]
    heard = [clip for clip in clips if set(PARTS[:2]) & set(clip["parts"])]
    return {clip["content"] for clip in heard}, {f"{clip['corpus']}:{clip['speaker']}" for clip in heard}
