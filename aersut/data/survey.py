"""What is on disk, and what is wrong with it, before anything is trained on it."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from aersut.config import Data
from aersut.contracts import EMOTIONS, Corpus, Framing
from aersut.data.collection import Found, damage, describe_left_out, find, some
from aersut.errors import UserError
from aersut.registry import CORPORA

CLIPPED = 0.001
"""The share of samples at full scale from which on a clip is called clipped."""

LONG = 30.0
"""Seconds from which on a clip is too long to be one utterance."""

IMBALANCE = 3.0
"""How many times the rarest emotion's clips the commonest may have before it is worth a line."""


@dataclass(frozen=True)
class Survey:
    """What was found of one corpus.

    Attributes:
        name: the corpus's.
        found: its clips and files; None where it is not there.
        notes: what a researcher should know; none of it stops a training.
        spoils: what stops one.
    """

    name: str
    found: Found | None
    notes: tuple[str, ...] = ()
    spoils: tuple[str, ...] = ()


def survey(data: Data, framing: Framing) -> list[Survey]:
    """Look at every corpus of `data`, each by itself: one that is missing hides nothing of the others."""
    surveys = []
    for corpus in data.corpora:
        try:
            found = find(corpus, data, framing)
        except UserError as error:
            surveys.append(Survey(CORPORA.name_of(corpus), None, spoils=(str(error),)))
            continue
        spoils = (damage(found),) if found.spoilt else ()
        surveys.append(Survey(found.name, found, tuple(_notes(corpus, found)), spoils))
    return surveys


def as_json(surveys: list[Survey]) -> dict[str, Any]:
    """Per corpus: clips, speakers, hours, clips of each emotion, and files left out by reason; what is noteworthy."""
    return {
        one.name: {
            "clips": len(one.found.clips) if one.found else 0,
            "speakers": len({clip.speaker for clip in one.found.clips}) if one.found else 0,
            "hours": round(_hours(one.found), 4) if one.found else 0.0,
            "emotions": _emotions(one.found) if one.found else {},
            "left_out": dict(Counter(item.reason for item in one.found.left_out)) if one.found else {},
            "notes": list(one.notes),
            "spoils": list(one.spoils),
        }
        for one in surveys
    }


def table(surveys: list[Survey]) -> str:
    """The surveys as text: corpora by emotion, then what is noteworthy and what is wrong."""
    there = [one.found for one in surveys if one.found]
    names = [emotion for emotion in EMOTIONS if any(_emotions(found).get(emotion) for found in there)]
    lines = []
    if there:
        lines.append(f"{'corpus':12}{'clips':>7}{'hours':>7}{'speakers':>10}" + "".join(f"{n:>10}" for n in names))
    for found in there:
        counts, speakers = _emotions(found), {clip.speaker for clip in found.clips}
        cells = "".join(f"{counts.get(name, 0):10,}" for name in names)
        lines.append(f"{found.name:12}{len(found.clips):7,}{_hours(found):7.2f}{len(speakers):10}{cells}")
    for one in surveys:
        notes = (*one.notes, *(describe_left_out(one.found.left_out) if one.found else ()))
        lines += [f"{one.name}: {note}" for note in notes]
        lines += [f"{one.name}: SPOILS A TRAINING: {problem}" for problem in one.spoils]
    return "\n".join(lines)


def _notes(corpus: Corpus, found: Found) -> list[str]:
    notes = []
    speakers = {clip.speaker for clip in found.clips}
    if missing := [speaker for speaker in corpus.all_speakers if speaker not in speakers]:
        notes.append(f"{len(missing)} of {len(corpus.all_speakers)} speakers are missing: {some(missing, most=12)}")
    paths = [clip.path for clip in found.clips]
    copies = Counter(found.contents)
    if same := [path for path, content in zip(paths, found.contents, strict=True) if copies[content] > 1]:
        notes.append(f"{len(same)} files are byte-identical to another: {some(same, most=4)}")
    if clipped := [path for path, fact in zip(paths, found.facts, strict=True) if fact.clipped >= CLIPPED]:
        notes.append(f"{len(clipped)} clips have {CLIPPED:.1%} or more of their samples at full scale: {some(clipped)}")
    if long := [path for path, fact in zip(paths, found.facts, strict=True) if fact.seconds >= LONG]:
        notes.append(f"{len(long)} clips last {LONG:g} s or longer, so the window sees little of them: {some(long)}")
    rates = Counter(fact.sample_rate for fact in found.facts)
    if len(rates) > 1:
        kinds = ", ".join(f"{rate:,} Hz ({count:,} clips)" for rate, count in rates.most_common())
        notes.append(f"sample rates differ: {kinds}; all are resampled")
    counts = Counter(_emotions(found)).most_common()
    if counts and counts[0][1] >= IMBALANCE * counts[-1][1]:
        notes.append(f"classes are out of balance: {counts[0][1]:,} {counts[0][0]}, {counts[-1][1]:,} {counts[-1][0]}")
    return notes


def _emotions(found: Found) -> dict[str, int]:
    counts = Counter(clip.emotion for clip in found.clips)
    return {emotion: counts[emotion] for emotion in EMOTIONS if counts[emotion]}


def _hours(found: Found) -> float:
    return sum(fact.seconds for fact in found.facts) / 3600
