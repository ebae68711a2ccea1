"""The clips of an evaluation, and those of a run's test set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from aersut.contracts import Clip
from aersut.data.audio import to_float
from aersut.data.collection import Collection
from aersut.registry import CORPORA
from aersut.run import prepare
from aersut.run_folder import Run

Windows = Callable[[Int[np.ndarray, " rows"]], Float[np.ndarray, "rows samples"]]


@dataclass(frozen=True)
class CorpusPart:
    """One corpus of an evaluation on other corpora.

    Attributes:
        rows: its clips among the clips of the evaluation.
        warning: its clips or speakers are in the run's training or validation set; "" if not.
        untrained: its emotions of which the run's training set has no clip.
        skipped: why the corpus cannot be used; "" if it is evaluated.
    """

    corpus: str
    root: str
    rows: slice
    warning: str = ""
    untrained: tuple[str, ...] = ()
    skipped: str = ""


@dataclass(frozen=True)
class EvaluationSet:
    """Clips with their labels, features and windows.

    Attributes:
        features: base features.
        audio: returns the windows of the given rows, samples in [-1, 1]; None if the clips are augmented copies.
        about: protocol, corpora, leaks, warning: what metrics.json holds beside the metrics.
        name: folder of the results under `evaluation/`; "" for the run's own test set.
        parts: the corpora of an evaluation on other corpora, in the order of `clips`; () for the run's own test set.
    """

    clips: tuple[Clip, ...]
    labels: Int[np.ndarray, " clips"]
    features: Float[np.ndarray, "clips frames channels"]
    audio: Windows | None
    about: dict[str, Any]
    name: str = ""
    parts: tuple[CorpusPart, ...] = ()


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
    audio = (
        None if examples[:, 1].any() else windows_of([(prepared.collection, clip) for clip in examples[:, 0].tolist()])
    )
    return EvaluationSet(clips, prepared.labels[examples[:, 0]], prepared.features(examples), audio, about)


def windows_of(clips: Sequence[tuple[Collection, int]]) -> Windows:
    """The windows of clips of collections, at their centre or start."""

    def windows(rows: Int[np.ndarray, " rows"]) -> Float[np.ndarray, "rows samples"]:
        chosen = (clips[row] for row in rows.tolist())
        return to_float(np.stack([collection.window(clip) for collection, clip in chosen]))

    return windows
