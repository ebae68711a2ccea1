"""The usable clips of an experiment: corpora are listed and decoded; damaged files and other emotions are skipped."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from aersut.config import Data
from aersut.contracts import UNKNOWN, Clip, Corpus, Framing, SkippedFile
from aersut.data.audio import crop_or_pad
from aersut.data.store import AudioStore, open_audio_store, span_of
from aersut.errors import UserError, nearest
from aersut.labels import EMOTIONS, in_usual_order
from aersut.paths import expanded
from aersut.registry import CORPORA
from aersut.texts import abbreviated, counted
from aersut.tree import digest

DAMAGE_LIMIT = 0.01
"""Fraction of damaged files of a corpus above which training is refused; up to it, they are skipped and reported."""


@dataclass(frozen=True)
class DecodedCorpus:
    """One corpus with its decoded clips.

    Attributes:
        name: of the corpus.
        clips: those that can be decoded, of any emotion.
        skipped: every other file, with the reason.
        store: the samples, one entry per clip.
        notes: of the corpus, for the user.
    """

    name: str
    clips: tuple[Clip, ...]
    skipped: tuple[SkippedFile, ...]
    store: AudioStore
    notes: tuple[str, ...] = ()

    @property
    def damaged(self) -> list[SkippedFile]:
        """The files that are skipped because they are damaged or misnamed."""
        return [file for file in self.skipped if file.damage]

    @property
    def unusable(self) -> bool:
        """Whether too many files are damaged (`DAMAGE_LIMIT`) for results on the rest to be valid."""
        return len(self.damaged) > DAMAGE_LIMIT * (len(self.clips) + len(self.skipped))


@dataclass(frozen=True)
class Collection:
    """Usable clips of all corpora of an experiment, with their audio.

    Attributes:
        clips: the clips, in a deterministic order.
        contents: a hash of each clip's file; equal for byte-identical files.
        labels: the class of each clip, an index into `emotions`.
        emotions: the classes.
        skipped: every file that was found and is not used.
        stores: (store, index into it) of each clip's samples.
        framing: sample rate and length of the window.
        data: the configuration of the corpora.
        key: a hash of all windows: the clips' contents in order, and the settings of the windows.
        notes: of the corpora, for the user.
    """

    clips: tuple[Clip, ...]
    contents: tuple[str, ...]
    labels: tuple[int, ...]
    emotions: tuple[str, ...]
    skipped: tuple[SkippedFile, ...]
    stores: tuple[tuple[AudioStore, int], ...]
    framing: Framing
    data: Data
    key: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.clips)

    def recording(self, index: int) -> Int16[np.ndarray, " samples"]:
        """The samples of one clip, without leading and trailing silence."""
        store, entry = self.stores[index]
        return store[entry]

    def window(self, index: int, rng: np.random.Generator | None = None) -> Int16[np.ndarray, " samples"]:
        """The window of one clip, the input of the audio frontend; `rng` draws its position for `data.fit` "random"."""
        return crop_or_pad(self.recording(index), self.framing.samples, self.data.fit, rng)


def decode_corpus(corpus: Corpus, data: Data, framing: Framing) -> DecodedCorpus:
    """List the clips of one corpus under `data.root` and decode them into the audio store.

    Raises:
        UserError: the root or the corpus does not exist or cannot be read.
    """
    name = CORPORA.name_of(corpus)
    root = expanded(data.root)
    if corpus.needs_root and not corpus.synthetic and not root.is_dir():
        if root.is_file():
            raise UserError(f"data.root: {root.absolute()} is a file. Name its folder.")
        raise UserError(
            f"data.root: the folder {root.absolute()} does not exist. Put the corpora there "
            "(docs/how_to/own_corpus.md has their layout), or name their folder: "
            "--experiment.data.root=FOLDER, and --evaluate.root=FOLDER for the corpora of an evaluation."
        )
    try:
        listing = corpus.load(root)
    except OSError as error:
        remedy = "Check its permissions and the disk."
        raise UserError(f"{name}: {error.filename} cannot be read: {error.strerror}. {remedy}") from None
    # segments of a file follow each other, so that the file is decoded once; a table by time alternates between files
    first = {clip.path: -index for index, clip in enumerate(reversed(listing.clips))}
    clips = sorted(listing.clips, key=lambda clip: first[clip.path])
    paths = [clip.path for clip in clips]
    spans = [(clip.start, clip.end) for clip in clips]
    store = open_audio_store(paths, framing.sample_rate, data.trim_db, spans=spans)
    return DecodedCorpus(
        name=name,
        clips=tuple(clips[row] for row in store.rows),
        skipped=(*listing.skipped, *(SkippedFile(paths[row], reason) for row, reason in store.failures.items())),
        store=store,
        notes=(
            *listing.notes,
            *_ignored_assignments(data.protocol, clips),
            *_empty_bands([info.sample_rate for info in store.infos], framing.sample_rate),
        ),
    )


def collect(data: Data, framing: Framing, of_model: bool = False) -> Collection:
    """Decode all corpora of `data` and select the clips whose label is one of `data.emotions`; if it is (), all.

    Args:
        of_model: the emotions are the classes of a trained model, of which the corpora may have some only.

    Raises:
        UserError: no corpus is configured, a corpus does not exist, more than 1 % of its files are damaged, no clip
            has one of the emotions, or, unless `of_model`, none has one that is not of `EMOTIONS`.
    """
    if not data.corpora:
        raise UserError(f"data.corpora is empty. Set at least one of {', '.join(CORPORA.names())}.")
    corpora = [decode_corpus(corpus, data, framing) for corpus in data.corpora]
    for corpus in corpora:
        if corpus.unusable:
            remedy = "Fix or delete these files, or download the corpus again."
            raise UserError(f"{corpus.name} under {data.root}: {damage_summary(corpus)}. {remedy}")
    decoded = [
        (clip, content, (corpus.store, entry))
        for corpus in corpora
        for entry, (clip, content) in enumerate(zip(corpus.clips, corpus.store.contents, strict=True))
    ]
    found = in_usual_order(clip.emotion for clip, _, _ in decoded)
    emotions = data.emotions or found
    for label in set() if of_model else set(emotions).difference(found, EMOTIONS):
        raise UserError(
            f"data.emotions: no clip is labelled '{label}'.{nearest(label, found)} Labels of these corpora: "
            f"{abbreviated(found, most=12)}."
        )
    used = [row for row in decoded if row[0].emotion in emotions]
    if not used:
        raise UserError(
            f"no clip of {', '.join(corpus.name for corpus in corpora)} under {data.root} has one of the emotions "
            f"{', '.join(emotions) or 'at all'}. Set other data.emotions or data.corpora."
        )
    others = [
        SkippedFile(clip.path, f"has the emotion {clip.emotion}, which is not one of data.emotions", damage=False)
        for clip, _, _ in decoded
        if clip.emotion not in emotions
    ]
    clips, contents, stores = zip(*used, strict=True)
    return Collection(
        clips=clips,
        contents=contents,
        labels=tuple(emotions.index(clip.emotion) for clip in clips),
        emotions=emotions,
        skipped=(*(file for corpus in corpora for file in corpus.skipped), *others),
        stores=stores,
        framing=framing,
        data=data,
        key=digest([[store.key for store, _ in stores], contents, framing.samples, data.fit]),
        notes=tuple(f"{corpus.name}: {note}" for corpus in corpora for note in corpus.notes),
    )


def _empty_bands(rates: Sequence[int], sample_rate: int) -> list[str]:
    """A note on recordings that have no sound in the upper bands of the experiment."""
    lower = [rate for rate in rates if rate < sample_rate]
    if not lower:
        return []
    return [
        f"{counted(len(lower), 'clip')} of a lower sample rate ({min(lower):,} Hz) than the {sample_rate:,} Hz of the "
        "experiment: their upper bands are empty, by which a network can recognize them"
    ]


def _ignored_assignments(protocol: str, clips: Sequence[Clip]) -> list[str]:
    """Notes on sets and folds of a corpus that the protocol does not use."""
    if protocol in ("given", "given_folds"):
        return []
    given = {"given": any(clip.split for clip in clips), "given_folds": any(clip.fold for clip in clips)}
    return [
        f"clips have a {'fold' if needed == 'given_folds' else 'split'}, which protocol '{protocol}' does not use: set "
        f"data.protocol={needed} for it"
        for needed, present in given.items()
        if present
    ]


def recordings(contents: Sequence[str]) -> list[str]:
    """A text for each clip that is equal for clips with common sound: identical files, overlapping segments of a file.

    Args:
        contents: of the clips, as in `Collection`.
    """
    found = list(contents)
    of_file: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    for index, (file, (start, end)) in enumerate(map(span_of, contents)):
        of_file[file].append((start, -end, index))
    for members in of_file.values():
        last, content = -math.inf, ""
        for start, negative_end, index in sorted(members):
            if start >= last:
                content = contents[index]
            last = max(last, -negative_end)
            found[index] = content
    return found


def possible_speakers(clip: Clip) -> set[str]:
    """Identifiers of a clip's speaker: its own if it is known, and that of a published corpus (`recognized_speakers`).

    So the clips of a published corpus in a manifest keep their speakers.

    >>> sorted(possible_speakers(Clip(Path("1001_DFA_ANG_XX.wav"), "angry", "anna", "manifest")))
    ['cremad:1001', 'manifest:anna']
    """
    return recognized_speakers(clip.path) | (set() if clip.speaker == UNKNOWN else {clip.speaker_id})


def recognized_speakers(path: Path) -> set[str]:
    """The identifier of the speaker of a published corpus of whose form the name of a file is; empty for others."""
    forms = {name: CORPORA[name].file_name for name in CORPORA.names()}
    matches = {name: re.search(form, path.stem, re.IGNORECASE) for name, form in forms.items() if form}
    return {f"{name}:{match['speaker']}" for name, match in matches.items() if match}


def collection_lines(collection: Collection) -> list[str]:
    """A summary for the terminal: clips, speakers and emotions of each corpus, skipped files by reason, and notes."""
    lines = []
    for corpus in dict.fromkeys(clip.corpus for clip in collection.clips):
        clips = [clip for clip in collection.clips if clip.corpus == corpus]
        speakers = counted(len({clip.speaker for clip in clips}), "speaker")
        emotions = counted(len({clip.emotion for clip in clips}), "emotion")
        lines.append(f"{corpus}: {counted(len(clips), 'clip')} of {speakers}, {emotions}")
    return [*lines, *skipped_lines(collection.skipped), *collection.notes]


def skipped_lines(skipped: Sequence[SkippedFile]) -> list[str]:
    """One line per reason: the number of files and the first of their names."""
    lines = []
    for (reason, damage), count in Counter((file.reason, file.damage) for file in skipped).items():
        paths = [file.path for file in skipped if (file.reason, file.damage) == (reason, damage)]
        lines.append(f"skipped {count} ({'damaged' if damage else 'not used'}): {reason}: {abbreviated(paths)}")
    return lines


def damage_summary(corpus: DecodedCorpus) -> str:
    """How many files of a corpus are damaged, with the most frequent reason and examples."""
    reason, count = Counter(file.reason for file in corpus.damaged).most_common(1)[0]
    examples = [file.path for file in corpus.damaged if file.reason == reason]
    return (
        f"{len(corpus.damaged)} of {len(corpus.clips) + len(corpus.skipped)} files cannot be used, more than "
        f"{DAMAGE_LIMIT:.0%}; {count} of them: {reason}: {abbreviated(examples)}"
    )
