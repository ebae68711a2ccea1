"""The clips of an experiment, all of them usable: corpora listed, other emotions and damaged files left out."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from aersut.config import Data, digest
from aersut.contracts import Clip, Corpus, Framing, LeftOut
from aersut.data.audio import fit
from aersut.data.store import Facts, Store, open_store
from aersut.errors import UserError
from aersut.registry import CORPORA

DAMAGE_LIMIT = 0.01
"""The share of damaged files above which a run is refused: below it they are counted and named."""


@dataclass(frozen=True)
class Found:
    """One corpus as it is on disk, decoded.

    Attributes:
        name: the corpus's.
        clips: those that can be decoded, of any emotion.
        contents: a hash of each clip's file; equal for byte-identical recordings.
        left_out: every other file, with its reason.
        store: the clips' samples, one entry per clip.
    """

    name: str
    clips: tuple[Clip, ...]
    contents: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    store: Store

    @property
    def facts(self) -> list[Facts]:
        """Length, sample rate and clipping of each clip's file."""
        return self.store.facts

    @property
    def damaged(self) -> list[LeftOut]:
        """The files that should have been clips and cannot be."""
        return [item for item in self.left_out if item.damage]

    @property
    def spoilt(self) -> bool:
        """Whether so many files are damaged that no figure should be made of the rest."""
        return len(self.damaged) > DAMAGE_LIMIT * (len(self.clips) + len(self.left_out))


@dataclass(frozen=True)
class Collection:
    """Usable clips of all corpora, with their audio.

    Attributes:
        clips: one per row.
        contents: a hash of each clip's file; equal for byte-identical recordings.
        labels: each clip's class, an index into `emotions`.
        emotions: the classes.
        left_out: every file that was found and is not used.
        stores: where the samples are, with each clip's place: (store, entry).
        key: stands for every window: the clips' contents in their order, and how windows are cut.
    """

    clips: tuple[Clip, ...]
    contents: tuple[str, ...]
    labels: tuple[int, ...]
    emotions: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    stores: tuple[tuple[Store, int], ...]
    framing: Framing
    data: Data
    key: str

    def __len__(self) -> int:
        return len(self.clips)

    def window(self, index: int, rng: np.random.Generator | None = None) -> Int16[np.ndarray, " samples"]:
        """The window of samples that the network sees of one clip; `rng` places it where `data.fit` is random."""
        store, entry = self.stores[index]
        return fit(store[entry], self.framing.samples, self.data.fit, rng)


def find(corpus: Corpus, data: Data, framing: Framing) -> Found:
    """List one corpus under `data.root` and decode it into its store.

    Raises:
        UserError: the corpus, or the folder that should hold it, is not there or cannot be read.
    """
    name = CORPORA.name_of(corpus)
    root = Path(data.root).expanduser()
    if not root.is_dir() and name != "synthetic":
        raise UserError(
            f"data.root: there is no folder {root.absolute()}. Put the corpora there (the README has their layout), "
            "or set --experiment.data.root=FOLDER."
        )
    try:
        listing = corpus.load(root)
    except OSError as error:
        raise UserError(f"{name}: {error.filename} cannot be read: {error.strerror}.") from None
    paths = [clip.path for clip in listing.clips]
    store = open_store(paths, framing.sample_rate, data.trim_db)
    return Found(
        name=name,
        clips=tuple(listing.clips[row] for row in store.rows),
        contents=tuple(store.contents),
        left_out=(*listing.left_out, *(LeftOut(paths[row], reason) for row, reason in store.failures.items())),
        store=store,
    )


def collect(data: Data, framing: Framing) -> Collection:
    """Find all corpora of `data`, and return the clips whose emotion is asked for.

    Raises:
        UserError: no corpus is named, one is not there, or more than 1 % of its files are damaged.
    """
    if not data.corpora:
        raise UserError(f"data.corpora is empty: name at least one of {', '.join(CORPORA.names())}.")
    corpora = [find(corpus, data, framing) for corpus in data.corpora]
    for found in corpora:
        _refuse_damage(found, data)
    everything = [
        (clip, content, (found.store, entry))
        for found in corpora
        for entry, (clip, content) in enumerate(zip(found.clips, found.contents, strict=True))
    ]
    used = [item for item in everything if item[0].emotion in data.emotions]
    if not used:
        names = ", ".join(found.name for found in corpora)
        raise UserError(f"no clip of {names} under {data.root} has one of the emotions {', '.join(data.emotions)}.")
    others = [
        LeftOut(clip.path, f"its emotion, {clip.emotion}, is not among data.emotions", damage=False)
        for clip, _, _ in everything
        if clip.emotion not in data.emotions
    ]
    clips, contents, stores = zip(*used, strict=True)
    return Collection(
        clips=clips,
        contents=contents,
        labels=tuple(data.emotions.index(clip.emotion) for clip in clips),
        emotions=data.emotions,
        left_out=(*(item for found in corpora for item in found.left_out), *others),
        stores=stores,
        framing=framing,
        data=data,
        key=digest([[store.key for store, _ in stores], contents, framing.samples, data.fit]),
    )


def describe(collection: Collection) -> list[str]:
    """Lines that say what was found and what was left out, for the terminal."""
    lines = []
    for corpus in dict.fromkeys(clip.corpus for clip in collection.clips):
        clips = [clip for clip in collection.clips if clip.corpus == corpus]
        speakers, emotions = {clip.speaker for clip in clips}, {clip.emotion for clip in clips}
        lines.append(f"{corpus}: {len(clips):,} clips of {len(speakers)} speakers, {len(emotions)} emotions")
    return lines + describe_left_out(collection.left_out)


def describe_left_out(left_out: Sequence[LeftOut]) -> list[str]:
    """One line per reason, with how many files and the first of their names."""
    lines = []
    for (reason, damage), count in Counter((item.reason, item.damage) for item in left_out).items():
        files = [item.path for item in left_out if (item.reason, item.damage) == (reason, damage)]
        lines.append(f"left out {count} ({'damaged' if damage else 'not used'}): {reason}: {some(files)}")
    return lines


def some(paths: Sequence[Path | str], most: int = 3) -> str:
    """The first few of many names, and how many more there are; names that are no UTF-8 are escaped."""
    shown = [os.fspath(path).encode("utf-8", "backslashreplace").decode() for path in paths[:most]]
    return ", ".join(shown) + (f" and {len(paths) - most} more" if len(paths) > most else "")


def damage(found: Found) -> str:
    """One sentence on a corpus's damaged files."""
    reason, count = Counter(item.reason for item in found.damaged).most_common(1)[0]
    examples = [item.path for item in found.damaged if item.reason == reason]
    return (
        f"{len(found.damaged)} of {len(found.clips) + len(found.left_out)} files cannot be used, more than "
        f"{DAMAGE_LIMIT:.0%}; {count} of them: {reason}: {some(examples)}"
    )


def _refuse_damage(found: Found, data: Data) -> None:
    if found.spoilt:
        remedy = "Mend or remove these files, or fetch the corpus again."
        raise UserError(f"{found.name} under {data.root}: {damage(found)}. {remedy}")
