"""Survey of the corpora on disk before training: statistics, notes, and problems that block training."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from aersut.config import Data
from aersut.contracts import Corpus, Framing
from aersut.data.audio import CLIPPED
from aersut.data.collection import DecodedCorpus, damage_summary, decode_corpus, skipped_lines
from aersut.errors import CacheError, UserError
from aersut.labels import in_usual_order
from aersut.registry import CORPORA
from aersut.texts import abbreviated, counted

LONG = 30.0
"""Seconds from which a clip is reported as too long for one utterance."""
IMBALANCE = 3.0
"""Ratio of clips of the most and the least frequent emotion from which classes are reported as imbalanced."""


@dataclass(frozen=True)
class Survey:
    """Findings on one corpus; `corpus` is None if it is missing, `blocking` are problems that block training."""

    name: str
    corpus: DecodedCorpus | None
    notes: tuple[str, ...] = ()
    blocking: tuple[str, ...] = ()


def survey(data: Data, framing: Framing) -> list[Survey]:
    """Survey every corpus of `data` on its own, so that a missing one does not hide the others."""
    surveys = []
    for corpus in data.corpora:
        try:
            decoded = decode_corpus(corpus, data, framing)
        except CacheError:  # it concerns all corpora
            raise
        except UserError as error:
            surveys.append(Survey(CORPORA.name_of(corpus), None, blocking=(str(error),)))
            continue
        blocking = (damage_summary(decoded),) if decoded.unusable else ()
        surveys.append(Survey(decoded.name, decoded, tuple(_notes(corpus, decoded)), blocking))
    return surveys


def survey_as_json(surveys: list[Survey]) -> dict[str, Any]:
    """Per corpus: clips, speakers, hours, clips per emotion, skipped files per reason, notes and blocking problems."""
    return {
        one.name: {**_statistics(one.corpus), "notes": list(one.notes), "blocking": list(one.blocking)}
        for one in surveys
    }


def survey_table(surveys: list[Survey]) -> str:
    """The surveys as text: clips of each corpus per emotion, then skipped files, notes and blocking problems."""
    rows = {one.name: _statistics(one.corpus) for one in surveys if one.corpus}
    names = in_usual_order(emotion for row in rows.values() for emotion in row["emotions"])
    width = {name: max(10, len(name) + 2) for name in names}
    lines = []
    if rows:
        lines.append(
            f"{'corpus':12}{'clips':>7}{'hours':>7}{'speakers':>10}" + "".join(f"{n:>{width[n]}}" for n in names)
        )
    for name, row in rows.items():
        cells = "".join(f"{row['emotions'].get(emotion, 0):{width[emotion]},}" for emotion in names)
        lines.append(f"{name:12}{row['clips']:7,}{row['hours']:7.2f}{row['speakers']:10}{cells}")
    for one in surveys:
        notes = (*one.notes, *(skipped_lines(one.corpus.skipped) if one.corpus else ()))
        lines += [f"{one.name}: {note}" for note in notes]
        lines += [f"{one.name}: BLOCKS TRAINING: {problem}" for problem in one.blocking]
    return "\n".join(lines)


def _statistics(corpus: DecodedCorpus | None) -> dict[str, Any]:
    clips, skipped, infos = (corpus.clips, corpus.skipped, corpus.store.infos) if corpus else ((), (), [])
    counts = Counter(clip.emotion for clip in clips)
    return {
        "clips": len(clips),
        "speakers": len({clip.speaker for clip in clips}),
        "hours": round(sum(info.seconds for info in infos) / 3600, 4),
        "emotions": {emotion: counts[emotion] for emotion in in_usual_order(counts)},
        "skipped": dict(Counter(file.reason for file in skipped)),
    }


def _notes(corpus: Corpus, decoded: DecodedCorpus) -> list[str]:
    notes = list(decoded.notes)
    speakers = {clip.speaker for clip in decoded.clips}
    if missing := [speaker for speaker in corpus.all_speakers if speaker not in speakers]:
        names = abbreviated(missing, most=12)
        notes.append(f"{len(missing)} of {len(corpus.all_speakers)} speakers are missing: {names}")
    files = [(clip.path, info) for clip, info in zip(decoded.clips, decoded.store.infos, strict=True)]
    contents = decoded.store.contents
    copies = Counter(contents)
    if same := [path for (path, _), content in zip(files, contents, strict=True) if copies[content] > 1]:
        notes.append(f"{len(same)} files are byte-identical to another: {abbreviated(same, most=4)}")
    if clipped := [path for path, info in files if info.clipped >= CLIPPED]:
        names = abbreviated(clipped)
        notes.append(f"{len(clipped)} clips have {CLIPPED:.1%} or more of their samples at full scale: {names}")
    if long := [path for path, info in files if info.seconds >= LONG]:
        names = abbreviated(long)
        notes.append(f"{len(long)} clips last {LONG:g} s or longer, of which the window covers a small part: {names}")
    for note in sorted({info.note for _, info in files} - {""}):
        noted = [path for path, info in files if info.note == note]
        notes.append(f"{counted(len(noted), 'file')}: each {note}: {abbreviated(noted)}")
    rates = Counter(info.sample_rate for _, info in files)
    if len(rates) > 1:
        kinds = ", ".join(f"{rate:,} Hz ({count:,} clips)" for rate, count in rates.most_common())
        notes.append(f"sample rates differ: {kinds}; all are resampled")
    counts = Counter(clip.emotion for clip in decoded.clips).most_common()
    if counts and counts[0][1] >= IMBALANCE * counts[-1][1]:
        notes.append(f"classes are imbalanced: {counts[0][1]:,} {counts[0][0]}, {counts[-1][1]:,} {counts[-1][0]}")
    return notes
