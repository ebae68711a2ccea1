"""Stress evaluation: UAR of a classifier on the same clips under each of many stress conditions."""

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from aersut import metrics
from aersut.contracts import Clip, Condition
from aersut.errors import UserError
from aersut.evaluation.intervals import Resampling
from aersut.evaluation.predictor import ExportedModel
from aersut.evaluation.stress_predictions import Classes, stress_predictions
from aersut.registry import CONDITIONS
from aersut.stress import STANDARD, STANDARD_NAME
from aersut.training.trained import Trained


def stress_report(
    trained: Trained,
    clips: Sequence[Clip],
    labels: Int[np.ndarray, " clips"],
    conditions: Sequence[Condition] = STANDARD,
    model: ExportedModel | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """UAR of a checkpoint, or of a model exported from it, on clips under each stress condition.

    The stress mean is the mean UAR over the conditions of the standard set that were evaluated. The loss of a condition
    is the UAR without a condition minus its own. The interval of the loss is paired: each bootstrap sample of the
    speakers serves both.

    Args:
        labels: true class of each clip.
        conditions: evaluated in this order.
        seed: of the conditions.

    Returns:
        The content of metrics.json under "stress": set, mean (the stress mean), evaluated, of, clean, conditions.

    Raises:
        UserError: two conditions have the same title, a clip cannot be read, or a condition fails.
    """
    counts = Counter(condition.title for condition in conditions)
    if repeated := [title for title, count in counts.items() if count > 1]:
        raise UserError(f"two stress conditions have the title '{repeated[0]}'; expected one title each.")
    clean, outcomes = stress_predictions(trained, clips, conditions, model, seed)
    resampling = Resampling.of([clip.speaker_id for clip in clips])
    comparison = _Comparison(labels, clean, resampling, trained.frontend.classes)
    rows = [_named(condition) | comparison.row(one) for condition, one in zip(conditions, outcomes, strict=True)]
    known = [row["uar"] for row in rows if row["standard"] and not row["skipped"]]
    return {
        "set": STANDARD_NAME,
        "mean": float(np.mean(known)) if known else None,
        "evaluated": len(known),
        "of": len(STANDARD),
        "clean": comparison.uar(clean),
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


@dataclass(frozen=True)
class _Comparison:
    """Comparison of predictions under a condition with those without a condition (`clean`) on the same clips."""

    labels: Classes
    clean: Classes
    resampling: Resampling
    classes: int

    def row(self, outcome: Classes | str) -> dict[str, Any]:
        """The metrics of predictions under a condition, or of a skipped one by its reason."""
        if isinstance(outcome, str):
            return {"uar": None, "wa": None, "loss": None, "loss_interval": None, "clips": 0, "skipped": outcome}
        loss = self.uar(self.clean) - self.uar(outcome)
        losses = self._clean_resampled - self._resampled_uar(outcome)
        return {
            "uar": self.uar(outcome),
            "wa": metrics.wa(metrics.confusion(self.labels, outcome, self.classes)),
            "loss": loss,
            "loss_interval": self.resampling.interval(loss, losses, least=-1.0),
            "clips": len(outcome),
            "skipped": "",
        }

    def uar(self, predicted: Classes) -> float:
        return metrics.uar(metrics.confusion(self.labels, predicted, self.classes))

    @functools.cached_property
    def _clean_resampled(self) -> np.ndarray:
        return self._resampled_uar(self.clean)

    def _resampled_uar(self, predicted: Classes) -> np.ndarray:
        totals = self.resampling.totals((self.labels, predicted), (self.classes, self.classes))
        return metrics.headline_metrics(totals)["uar"]
