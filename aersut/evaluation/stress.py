"""Stress evaluation: UAR and calibration of a classifier on the same clips under each of many stress conditions."""

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from aersut import metrics
from aersut.contracts import Augmenter, Clip, Condition
from aersut.errors import UserError
from aersut.evaluation.intervals import Resampling
from aersut.evaluation.metric_report import calibration_error
from aersut.evaluation.predictor import Classifier
from aersut.evaluation.stress_predictions import Probabilities, stress_predictions
from aersut.registry import CONDITIONS
from aersut.stress import STANDARD, STANDARD_NAME


def stress_report(
    classifier: Classifier,
    clips: Sequence[Clip],
    labels: Int[np.ndarray, " clips"],
    conditions: Sequence[Condition] = STANDARD,
    seed: int = 0,
) -> dict[str, Any]:
    """UAR of a classifier on clips under each stress condition.

    The stress mean is the mean UAR over the conditions of the standard set that were evaluated. The UAR drop of a
    condition is the UAR without a condition minus its own. Its interval is paired: each bootstrap sample of the
    speakers serves both. The expected calibration error (ECE) shows whether confidences remain valid.

    Args:
        labels: true class of each clip.
        conditions: evaluated in this order.
        seed: of the conditions.

    Returns:
        The content of metrics.json under "stress": set, mean (the stress mean), evaluated, of, clean and ece_clean
        (without a condition), ece_mean (over the conditions of the standard set), conditions.

    Raises:
        UserError: two conditions have the same title, a clip cannot be read, or a condition fails.
    """
    counts = Counter(condition.title for condition in conditions)
    if repeated := [title for title, count in counts.items() if count > 1]:
        raise UserError(f"two stress conditions have the title '{repeated[0]}'; expected one title each.")
    clean, outcomes = stress_predictions(classifier, clips, conditions, seed)
    resampling = Resampling.of([clip.speaker_id for clip in clips])
    predicted = clean.argmax(axis=1)
    training = [file for augmenter in classifier.frontend.augment for file in _files(augmenter)]
    rows = [
        _named(condition)
        | _compared(labels, predicted, one, resampling)
        | {"warning": _seen_in_training(condition, training)}
        for condition, one in zip(conditions, outcomes, strict=True)
    ]
    known = [row for row in rows if row["standard"] and not row["skipped"]]
    return {
        "set": STANDARD_NAME,
        "mean": float(np.mean([row["uar"] for row in known])) if known else None,
        "ece_mean": float(np.mean([row["ece"] for row in known])) if known else None,
        "evaluated": len(known),
        "of": len(STANDARD),
        "clean": metrics.uar(metrics.confusion(labels, predicted, clean.shape[1])),
        "ece_clean": _ece(labels, clean),
        "conditions": rows,
    }


def _named(condition: Condition) -> dict[str, Any]:
    return {
        "title": condition.title,
        "name": CONDITIONS.name_of(condition),
        "standard": condition in STANDARD,
        "curve": condition.curve,
        "x": condition.x,
    }


def _files(plugin: Augmenter | Condition) -> list[Path]:
    """The recordings of a plugin; none if they cannot be read, of which a training or an evaluation tells."""
    try:
        return plugin.recordings()
    except (UserError, OSError):
        return []


def _seen_in_training(condition: Condition, training: Sequence[Path]) -> str:
    """A warning if recordings of a condition are among those of the training; else ""."""
    own = _files(condition) if training else []
    try:
        sizes = {file.stat().st_size for file in own}  # only files of one size can be equal
        seen = _contents(own) & _contents(file for file in training if file.stat().st_size in sizes)
    except OSError:
        return ""
    if not seen:
        return ""
    return "the training was augmented with recordings of this condition; with others, the UAR drop may be larger."


def _contents(files: Iterable[Path]) -> set[str]:
    return {sha256(file.read_bytes()).hexdigest() for file in files}


def _compared(
    labels: Int[np.ndarray, " clips"],
    clean: Int[np.ndarray, " clips"],
    outcome: Probabilities | str,
    resampling: Resampling,
) -> dict[str, Any]:
    """The metrics of predictions under a condition beside those without it, or of a skipped one by its reason."""
    if isinstance(outcome, str):
        unknown = dict.fromkeys(("uar", "wa", "ece", "uar_drop", "uar_drop_interval"))
        return {**unknown, "clips": 0, "skipped": outcome}
    predicted, classes = outcome.argmax(axis=1), outcome.shape[1]
    counts = metrics.confusion(labels, predicted, classes)
    drop, interval = resampling.uar_drop(labels, clean, [predicted], classes)
    return {
        "uar": metrics.uar(counts),
        "wa": metrics.wa(counts),
        "ece": _ece(labels, outcome),
        "uar_drop": drop,
        "uar_drop_interval": interval,
        "clips": len(outcome),
        "skipped": "",
    }


def _ece(labels: Int[np.ndarray, " clips"], probabilities: Probabilities) -> float:
    return calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
