"""The clips of an evaluation on other corpora, or on other data roots (cross-corpus evaluation)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from aersut.config import Experiment, checked
from aersut.contracts import Corpus
from aersut.data.collection import Collection, collect, possible_speakers, recordings
from aersut.data.splits import read_split
from aersut.errors import CacheError, UserError
from aersut.evaluation.evaluation_set import CorpusPart, EvaluationSet, windows_of
from aersut.features.cache import cached_features
from aersut.features.frontend import Frontend
from aersut.labels import in_usual_order
from aersut.registry import CORPORA
from aersut.run_folder import Run, clips_in
from aersut.training.initial_weights import seen_recordings, seen_speakers
from aersut.tree import digest, to_tree
from aersut.zoo.catalog import ZooModel

LEAK = (
    "this evaluation LEAKS: some of its clips are in the training or validation set of the run or its initial weights."
)
SEEN_BY_ZOO_MODEL = (
    "this evaluation LEAKS, or may: the model was trained or validated on some of its speakers; the zoo has no list of "
    "their recordings."
)
SEEN_SPEAKERS = (
    "some speakers of this evaluation are in the training or validation set of the run or its initial weights."
)


@dataclass(frozen=True)
class Seen:
    """What a classifier has seen in training and validation, also those of its initial weights.

    Attributes:
        contents: hashes of the clips; None if they are unknown.
        speakers: "corpus:speaker".
        emotions: of the training set.
    """

    contents: tuple[str, ...] | None
    speakers: frozenset[str]
    emotions: frozenset[str]

    @classmethod
    def by_run(cls, run: Run) -> "Seen":
        """What a run has seen; `UserError` without a split.json."""
        if (split := read_split(run.split)) is None:
            raise UserError(f"{run.split} is missing or damaged: it names the clips of the training set. Restore it.")
        emotions = frozenset(clip["emotion"] for clip in clips_in(split, "train"))
        return cls(tuple(seen_recordings(run)), _identifiers(seen_speakers(run)), emotions)

    @classmethod
    def by_zoo_model(cls, model: ZooModel, emotions: Iterable[str]) -> "Seen":
        """What a model of the zoo, of which the recordings are unknown, has seen."""
        return cls(None, _identifiers(model.seen_speakers), frozenset(emotions))


def other_corpora_set(
    experiment: Experiment,
    seen: Seen,
    frontend: Frontend,
    roots: tuple[str, ...] | None,
    corpora: tuple[Corpus, ...] | None,
) -> EvaluationSet:
    """All clips of other corpora, or of other data roots; a corpus that cannot be used becomes a part without clips.

    The set leaks if one of its recordings was seen; where these are unknown, if one of its speakers was. It is
    speaker-independent if none of its speakers was seen.

    Args:
        experiment: of the classifier.
        roots: one for all corpora, or one for each; None for the experiment's data root.
        corpora: None for the experiment's own.

    Raises:
        UserError: there is neither one root nor one for each corpus, or no corpus can be used.
    """
    data = experiment.data
    corpora = data.corpora if corpora is None else corpora
    roots = roots or (data.root,)
    if len(roots) not in (1, len(corpora)):
        raise UserError(
            f"--evaluate.root has {len(roots)} folders for {len(corpora)} corpora; set one for all, or one for each."
        )
    pairs = list(zip(corpora, roots * (len(corpora) // len(roots)), strict=True))
    if repeated := [corpus for corpus, root in pairs if pairs.count((corpus, root)) > 1]:
        raise UserError(f"--evaluate.corpora names '{CORPORA.name_of(repeated[0])}' twice; name it once.")
    parts, collections, first = [], [], 0
    for corpus, root in pairs:
        name = CORPORA.name_of(corpus)
        one = checked(replace(experiment, data=replace(data, root=root, corpora=(corpus,)))).data
        try:
            collection = collect(one, experiment.framing, of_model=True)
        except CacheError:  # it concerns all corpora
            raise
        except UserError as error:
            parts.append(CorpusPart(name, root, slice(first, first), skipped=str(error)))
            continue
        last = first + len(collection)
        part = CorpusPart(name, root, slice(first, last), _warning(seen, [collection]), _untrained(seen, collection))
        parts.append(part)
        collections.append(collection)
        first = last
    if not collections:
        raise UserError(" ".join(dict.fromkeys(part.skipped for part in parts)))
    about = {
        "protocol": "external",
        "leaks": _leaks(seen, collections),
        "speaker_independent": _independent(seen, collections),
        "warning": _warning(seen, collections),
        "corpora": [part.corpus for part in parts if not part.skipped],
        "root": ",".join(roots),
        "synthetic": any(corpus.synthetic for one in collections for corpus in one.data.corpora),
    }
    where = [str(Path(root).absolute()) for root in roots]
    return EvaluationSet(
        clips=tuple(clip for one in collections for clip in one.clips),
        labels=np.concatenate([np.array(one.labels) for one in collections]),
        features=np.concatenate([_features(frontend, one, experiment.seed) for one in collections]),
        audio=windows_of([(one, clip) for one in collections for clip in range(len(one))]),
        about=about,
        name="+".join(part.corpus for part in parts)
        + f"-{digest([where[0] if len(where) == 1 else where, to_tree(corpora)])}",
        parts=tuple(parts),
    )


def _features(frontend: Frontend, collection: Collection, seed: int) -> Float[np.ndarray, "clips frames channels"]:
    used = np.ones((len(collection), 1), bool)
    return cached_features(frontend, collection, used, seed).take(np.argwhere(used))


def _identifiers(speakers: Mapping[str, Iterable[str]]) -> frozenset[str]:
    return frozenset(f"{corpus}:{speaker}" for corpus, found in speakers.items() for speaker in found)


def _leaks(seen: Seen, collections: list[Collection]) -> bool:
    if seen.contents is None:
        return not _independent(seen, collections)
    contents = [content for one in collections for content in one.contents]
    found = recordings([*seen.contents, *contents])
    return bool(set(found[: len(seen.contents)]) & set(found[len(seen.contents) :]))


def _independent(seen: Seen, collections: list[Collection]) -> bool:
    return not any(possible_speakers(clip) & seen.speakers for one in collections for clip in one.clips)


def _warning(seen: Seen, collections: list[Collection]) -> str:
    if _independent(seen, collections) and not _leaks(seen, collections):
        return ""
    if seen.contents is None:
        return SEEN_BY_ZOO_MODEL
    return LEAK if _leaks(seen, collections) else SEEN_SPEAKERS


def _untrained(seen: Seen, collection: Collection) -> tuple[str, ...]:
    present = {clip.emotion for clip in collection.clips}
    return in_usual_order(present - seen.emotions)
