"""Words that users write for labels, speakers and sets, and the labels of this framework."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from aersut.contracts import UNKNOWN
from aersut.corpora.files import OutOfScope
from aersut.errors import UserError
from aersut.labels import EMOTIONS, label_problem, misspelt
from aersut.texts import abbreviated

SYNONYMS = {
    **{name: name for name in EMOTIONS},
    **dict.fromkeys(("ang", "anger", "wut"), "angry"),
    **dict.fromkeys(("cal", "calmness"), "calm"),
    **dict.fromkeys(("dis", "disgusted"), "disgust"),
    **dict.fromkeys(("fea", "fearful", "afraid", "scared"), "fear"),
    **dict.fromkeys(("hap", "happiness", "joy", "joyful"), "happy"),
    **dict.fromkeys(("neu",), "neutral"),
    **dict.fromkeys(("sadness", "unhappy"), "sad"),
    **dict.fromkeys(("sur", "surprised", "pleasant surprise", "ps"), "surprise"),
    **dict.fromkeys(("boredom",), "bored"),
    **dict.fromkeys(("exc", "excitement"), "excited"),
    **dict.fromkeys(("fru", "frustration"), "frustrated"),
}
"""Names and abbreviations of emotions, in lower case. Other words are labels of their own."""

IGNORED = ("xxx", "oth", "other", "unknown", "no agreement", "none", "nan", "n/a")
"""Words that are no label, such as those of IEMOCAP; their clips are skipped."""

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
    "": "",
}


def label_of(word: str, labels: Mapping[str, str] | None = None, ignore: Collection[str] = IGNORED) -> str:
    """The label that a word of the user means; cases and the form of accents (Unicode NFC or NFD) do not matter.

    In the words of `labels` and in the usual names, an underscore counts as a space.

    Args:
        labels: words with their labels, before the usual names.
        ignore: words that are no label.

    Raises:
        OutOfScope: the word is ignored.
        ValueError: it is misspelt, or cannot be a label.

    >>> label_of("ANG"), label_of("bored"), label_of("exc", {"exc": "happy"})
    ('angry', 'bored', 'happy')
    """
    plain = _plain(word)
    mapped = {_plain(key): label for key, label in (labels or {}).items()}.get(plain)
    if mapped is None and plain in map(_plain, ignore):
        raise OutOfScope(f"has the word {word} in place of a label, which is ignored")
    label = unicodedata.normalize("NFC", mapped or word).strip().lower()
    if name := SYNONYMS.get(_plain(label)):
        return name
    if mapped is None and (similar := misspelt(label)):
        raise ValueError(f"emotion '{word}' is not one of {', '.join(EMOTIONS)}. Did you mean '{similar}'?")
    if problem := label_problem(label):
        raise ValueError(f"emotion '{word}' {problem}; the corpus's labels may map it to one")
    return label


def check_words(labels: Mapping[str, str]) -> None:
    """Raise `ValueError` for a label of a mapping that cannot be one."""
    for word, label in labels.items():
        if problem := label_problem(SYNONYMS.get(_plain(label), label.strip().lower())):
            raise ValueError(f"labels: '{label}', the label of '{word}', {problem}")


def word_notes(words: Iterable[str], labels: Mapping[str, str], ignore: Collection[str] = IGNORED) -> tuple[str, ...]:
    """A note on entries of `labels` and `ignore` that no clip has; the usual ones of `ignore` need none.

    >>> word_notes(["sad", "exc"], {"exc": "happy", "fru": "angry"})
    ("no clip has the word 'fru' of labels or ignore",)
    """
    present, usual = set(map(_plain, words)), set(map(_plain, IGNORED))
    expected = [*labels, *(word for word in ignore if _plain(word) not in usual)]
    if not (absent := [word for word in expected if _plain(word) not in present]):
        return ()
    named = abbreviated([f"'{word}'" for word in absent])
    return (f"no clip has the word{'s' * (len(absent) > 1)} {named} of labels or ignore",)


def sex_notes(speakers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """A note on speakers with clips of two sexes, by pairs of speaker and sex.

    >>> sex_notes([("anna", "female"), ("anna", "male"), ("ben", "male"), ("ben", "")])
    ("speakers with clips of both sexes: 'anna'. Correct the column sex",)
    """
    found: dict[str, set[str]] = defaultdict(set)
    for speaker, sex in speakers:
        if sex and speaker != UNKNOWN:
            found[speaker].add(sex)
    both = [f"'{speaker}'" for speaker, sexes in found.items() if len(sexes) > 1]
    return (f"speakers with clips of both sexes: {abbreviated(both)}. Correct the column sex",) if both else ()


def check_split(word: str) -> None:
    """Raise `UserError` for a misspelt set: a clip in the wrong set is a leak, so it stops the run."""
    if word.lower() not in SPLIT_NAMES:
        raise UserError(f"split '{word}' is not one of train, validation and test.")


def speaker_notes(speakers: Iterable[str]) -> tuple[str, ...]:
    """A note on speakers whose names differ only in cases, leading zeros or spaces, and so may be one speaker.

    >>> speaker_notes(["Anna", "anna", "7"])
    ("speakers differ only in cases, zeros or spaces: 'Anna' and 'anna'. If they are one, give them one name",)
    """
    alike: dict[str, dict[str, None]] = defaultdict(dict)
    for name in speakers:
        alike[re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\s_-]", "", name)).lower()][name] = None
    groups = [" and ".join(f"'{name}'" for name in names) for names in alike.values() if len(names) > 1]
    if not groups:
        return ()
    return (
        f"speakers differ only in cases, zeros or spaces: {abbreviated(groups)}. If they are one, give them one name",
    )


def _plain(word: str) -> str:
    return re.sub(r"[\s_]+", " ", unicodedata.normalize("NFC", word)).strip().lower()
