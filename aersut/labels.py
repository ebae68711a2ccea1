"""Emotion labels: the eight of RAVDESS, what else can be a label, and the columns of predictions, which cannot."""

import difflib
import re
from collections.abc import Iterable

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")
"""Eight emotion labels in RAVDESS's order. A corpus may have labels of its own."""


def in_usual_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Different labels in the order of classes: those of `EMOTIONS` first, then the others by name.

    >>> in_usual_order({"stressed", "sad", "calm", "bored"})
    ('calm', 'sad', 'bored', 'stressed')
    """
    found = set(labels)
    return (*(name for name in EMOTIONS if name in found), *sorted(found.difference(EMOTIONS)))


CLIP_COLUMNS = ("path", "corpus", "speaker", "emotion", "predicted")
"""Columns of predictions.csv before those of the probabilities."""
WINDOW_COLUMNS = ("file", "start", "end", "emotion", "confidence")
"""Columns of the CSV of predictions over time before those of the probabilities."""
MESSAGE_COLUMNS = ("warning", "error")
"""Its columns after them."""
RESERVED = frozenset({*CLIP_COLUMNS, *WINDOW_COLUMNS, *MESSAGE_COLUMNS, "silence", "uncertain"})
"""Words that are no labels: columns of predictions, and what a prediction has in place of an emotion."""


def misspelt(word: str) -> str:
    """The emotion of which a word is probably a misspelling, or ""; longer words that contain an emotion are none.

    >>> misspelt("angyr"), misspelt("anxious"), misspelt("very sad")
    ('angry', '', '')
    """
    matches = [] if word in EMOTIONS else difflib.get_close_matches(word, EMOTIONS, n=1, cutoff=0.8)
    return matches[0] if matches else ""


def label_problem(label: str) -> str:
    """Why a text cannot be a label, since it is part of file names and a CSV column; "" if it can.

    >>> label_problem("very bored"), label_problem("a/b")[:18]
    ('', 'is not a label: ex')
    """
    if label in RESERVED:
        return f"is not a label: {', '.join(sorted(RESERVED))} have another meaning in predictions"
    if not re.fullmatch(r"[^\W\d_][\w +-]{0,39}", label) or label != label.lower() or label != label.strip():
        return "is not a label: expected a letter, then up to 39 letters, digits, spaces, +, - and _, in lower case"
    return ""
