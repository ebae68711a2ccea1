"""Results by corpus of an evaluation on other corpora, whose classes may be fewer than those of the classifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from aersut.evaluation.evaluation_set import CorpusPart
from aersut.evaluation.intervals import Resampling
from aersut.evaluation.predictions import ClipPredictions
from aersut.evaluation.result_table import format_interval

COLUMNS = (("UAR", "uar"), ("restricted UAR", "uar_restricted"))
"""Heading and key of the metrics of `cross_corpus_table`."""
METRICS = (
    *("chance", "uar", "uar_interval", "uar_restricted", "uar_restricted_interval"),
    *("most_predicted", "most_predicted_fraction"),
)
"""Keys that are None for a corpus that is not evaluated."""


def corpus_results(predictions: ClipPredictions, parts: Sequence[CorpusPart]) -> list[dict[str, Any]]:
    """One row for each corpus, as metrics.json holds it under "cross_corpus".

    - classes: the emotions that both the corpus and the classifier have; untrained: those of them without a training
      clip; clips and speakers.
    - uar: mean recall over these classes, 0 to 1, of predictions among all classes of the classifier;
      uar_restricted: of predictions among these classes only; uar_interval and uar_restricted_interval: 95 % intervals
      by speaker.
    - chance: UAR of a constant prediction of one of these classes, 1 / number of classes.
    - most_predicted, most_predicted_fraction: the most frequently predicted class, and its fraction of the clips.
    - warning: leaks and seen speakers; skipped: why the corpus is not evaluated. All metrics are None then.
    """
    return [_row(predictions, part) for part in parts]


def cross_corpus_table(rows: list[dict[str, Any]]) -> str:
    """The rows of `corpus_results` as text for the terminal, with the untrained classes and reasons below."""
    width = max(len("corpus"), *(len(row["corpus"]) for row in rows))
    headings = "".join(f"  {heading:>14}  {'95 % interval':16}" for heading, _ in COLUMNS)
    lines = [f"{'corpus':{width}}{'clips':>7}{'speakers':>10}{'classes':>9}{'chance':>8}{headings}  most predicted"]
    notes = []
    for row in rows:
        if row["skipped"]:
            lines.append(f"{row['corpus']:{width}}  skipped")
            notes.append(f"skipped {row['corpus']}: {row['skipped'].removeprefix(row['corpus'] + ': ')}")
            continue
        cells = "".join(
            f"  {row[key]:14.3f}  {format_interval(row[f'{key}_interval'], row[key]):16}" for _, key in COLUMNS
        )
        lines.append(
            f"{row['corpus']:{width}}{row['clips']:7,}{row['speakers']:10,}{len(row['classes']):9}{row['chance']:8.3f}"
            f"{cells}  {row['most_predicted']} ({row['most_predicted_fraction']:.0%})"
        )
        if row["untrained"]:
            notes.append(f"{row['corpus']}: the training set has no clip of {', '.join(row['untrained'])}.")
        if row["warning"]:
            notes.append(f"{row['corpus']}: {row['warning']}")
    return "\n".join([*lines, "restricted UAR: predictions among the classes of the corpus only", *notes])


def _row(predictions: ClipPredictions, part: CorpusPart) -> dict[str, Any]:
    about = {"corpus": part.corpus, "root": part.root, "warning": part.warning, "skipped": part.skipped}
    chosen = np.zeros(len(predictions), bool)
    chosen[part.rows] = True
    if not chosen.any():
        return {**about, "classes": [], "untrained": [], "clips": 0, "speakers": 0, **dict.fromkeys(METRICS)}
    own = predictions.subset(chosen)
    classes = np.unique(own.labels)
    counts = np.bincount(own.predicted, minlength=len(own.emotions))
    restricted = classes[own.probabilities[:, classes].argmax(axis=1)]
    resampling = Resampling.of(own.speakers)
    return {
        **about,
        "classes": [own.emotions[index] for index in classes],
        "untrained": list(part.untrained),
        "clips": len(own),
        "speakers": resampling.speakers,
        "chance": 1 / len(classes),
        **_uar("uar", own, own.predicted, resampling),
        **_uar("uar_restricted", own, restricted, resampling),
        "most_predicted": own.emotions[counts.argmax()],
        "most_predicted_fraction": float(counts.max() / len(own)),
    }


def _uar(
    key: str, own: ClipPredictions, predicted: Int[np.ndarray, " clips"], resampling: Resampling
) -> dict[str, Any]:
    uar, interval = resampling.uar_with_interval(own.labels, predicted, len(own.emotions))
    return {key: uar, f"{key}_interval": interval}
