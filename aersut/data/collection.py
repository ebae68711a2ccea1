"""The clips of an experiment, all of them usable: corpora listed, other emotions and damaged files left out."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from aersut.config import Data
from aersut.contracts import Clip, Corpus, Framing, LeftOut
from aersut.data.audio import fit
from aersut.data.store import Store, fingerprints, open_store
from aersut.errors import UserError
from aersut.registry import CORPORA

DAMAGE_LIMIT = 0.01
"""The share of damaged files above which a run is refused: below it they are counted and named."""


@dataclass(frozen=True)
class Collection:
    """Usable clips with their audio.

    Attributes:
        clips: one per row.
        contents: a hash of each clip's file; equal for byte-identical recordings.
        labels: each clip's class, an index into `emotions`.
        emotions: the classes.
        left_out: every file that was found and is not used.
    """

    clips: tuple[Clip, ...]
    contents: tuple[str, ...]
    labels: tuple[int, ...]
    emotions: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    store: Store
    framing: Framing
    data: Data

    def __len__(self) -> int:
        return len(self.clips)

    def window(self, index: int) -> Int16[np.ndarray, " samples"]:
        """The window of samples that the network sees of one clip."""
        return fit(self.store[index], self.framing.samples, self.data.fit)

    @property
    def key(self) -> str:
        """Stands for every window: the store's contents, in their order, and how windows are cut."""
        return f"{self.store.key}-{self.framing.samples}-{self.data.fit}"


def collect(data: Data, framing: Framing) -> Collection:
    """List the corpora of `data`, decode their clips into the store, and return what can be used.

    Raises:
        UserError: no corpus is named, one is not there, or more than 1 % of its files are damaged.
    """
    if not data.corpora:
        raise UserError(f"data.corpora is empty: name at least one of {', '.join(CORPORA.names())}.")
    root = Path(data.root).expanduser()
    if not root.is_dir() and any(CORPORA.name_of(corpus) != "synthetic" for corpus in data.corpora):
        raise UserError(
            f"data.root: there is no folder {root.absolute()}. Put the corpora there (the README has their layout), "
            "or set --experiment.data.root=FOLDER."
        )
    listings = {CORPORA.name_of(corpus): _listing(corpus, root, data.emotions) for corpus in data.corpora}
    clips = [clip for found, _ in listings.values() for clip in found]
    paths = [clip.path for clip in clips]
    contents = fingerprints(paths)
    store = open_store(paths, contents, framing.sample_rate, data.trim_db)
    left_out = [item for _, items in listings.values() for item in items]
    left_out += [LeftOut(paths[row], reason) for row, reason in store.failures.items()]
    for name, (found, items) in listings.items():
        broken = [LeftOut(paths[row], why) for row, why in store.failures.items() if clips[row].corpus == name]
        _refuse_damage(name, root, len(found) + len(items), [item for item in items if item.damage] + broken)
    usable = [clips[row] for row in store.rows]
    if not usable:
        raise UserError(
            f"no clip of {', '.join(listings)} under {root} has one of the emotions {', '.join(data.emotions)}."
        )
    return Collection(
        clips=tuple(usable),
        contents=tuple(contents[row] for row in store.rows),
        labels=tuple(data.emotions.index(clip.emotion) for clip in usable),
        emotions=data.emotions,
        left_out=tuple(left_out),
        store=store,
        framing=framing,
        data=data,
    )


def describe(collection: Collection) -> list[str]:
    """Lines that say what was found and what was left out, for the terminal."""
    lines = []
    for corpus in dict.fromkeys(clip.corpus for clip in collection.clips):
        clips = [clip for clip in collection.clips if clip.corpus == corpus]
        speakers = {clip.speaker for clip in clips}
        lines.append(
            f"{corpus}: {len(clips):,} clips of {len(speakers)} speakers, {len({c.emotion for c in clips})} emotions"
        )
    for (reason, damage), count in Counter((item.reason, item.damage) for item in collection.left_out).items():
        files = [str(item.path) for item in collection.left_out if (item.reason, item.damage) == (reason, damage)]
        lines.append(f"left out {count} ({'damaged' if damage else 'not used'}): {reason}: {_some(files)}")
    return lines


def _listing(corpus: Corpus, root: Path, emotions: Sequence[str]) -> tuple[list[Clip], list[LeftOut]]:
    try:
        listing = corpus.load(root)
    except OSError as error:
        raise UserError(f"{CORPORA.name_of(corpus)}: {error.filename} cannot be read: {error.strerror}.") from None
    kept = [clip for clip in listing.clips if clip.emotion in emotions]
    others = [
        LeftOut(clip.path, f"its emotion, {clip.emotion}, is not among data.emotions", damage=False)
        for clip in listing.clips
        if clip.emotion not in emotions
    ]
    return kept, [*listing.left_out, *others]


def _refuse_damage(corpus: str, root: Path, files: int, damaged: list[LeftOut]) -> None:
    if len(damaged) > DAMAGE_LIMIT * files:
        reason, count = Counter(item.reason for item in damaged).most_common(1)[0]
        examples = [str(item.path) for item in damaged if item.reason == reason]
        raise UserError(
            f"{corpus}: {len(damaged)} of {files} files under {root} cannot be used, more than {DAMAGE_LIMIT:.0%}; "
            f"{count} of them: {reason}: {_some(examples)}. Mend or remove these files, or fetch the corpus again."
        )


def _some(names: list[str], most: int = 3) -> str:
    shown = [os.fspath(name).encode("utf-8", "backslashreplace").decode() for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")
