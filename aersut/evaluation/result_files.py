"""Reading the result files of a run folder, of this version and of earlier ones."""

from pathlib import Path
from typing import Any

from aersut.errors import UserError
from aersut.paths import read_json
from aersut.run_folder import RunFolder

METRIC_NAMES = {
    "uar": "UAR",
    "wa": "WA",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "kappa": "kappa",
    "roc_auc": "ROC-AUC",
    "ece": "ECE",
}
"""Keys and printed names of the headline metrics, in the order in which they are printed."""
RENAMED = {
    "breakdown": "groups",
    "confusion_shares": "confusion_normalized",
    "deviation": "standard_deviation",
    "missing": "notes",
    "mistakes": "misclassifications",
    "emotion": "true",
    "heard_as": "predicted",  # terms: ok
    "loss": "uar_drop",
    "loss_interval": "uar_drop_interval",
    "probability": "confidence",
    "probability_of_emotion": "probability_of_true",
    "uar_lost": "uar_drop",
}
"""Keys of metrics.json and importance.json until November 2026, and the keys of today."""


EMULATION = "emulation.json"
"""Results of `--mode=emulate` in the folder of the export, with which they are replaced."""


def read_metrics(path: Path) -> dict[str, Any] | None:
    """`read_json` of a metrics.json or importance.json; keys of earlier versions are translated to those of today."""
    return read_json(path, _translated)


def read_evaluation(run: RunFolder) -> dict[str, Any]:
    """The metrics.json of a run's test set.

    Raises:
        UserError: the run is not evaluated, or the file is damaged.
    """
    if (result := read_metrics(run.evaluation)) is None:
        raise UserError(f"run {run.folder} is not evaluated: use --mode=evaluate.")
    return result


def read_export(run: RunFolder) -> dict[str, Any] | None:
    """`read_json` of a run's export.json; until November 2026, keys were "same" and "ms" (of Vela)."""
    names = {"same": "agreement", "ms": "latency_ms"}
    return read_json(run.exported, lambda tree: {names.get(key, key): tree[key] for key in tree})


def _translated(tree: dict[str, Any]) -> dict[str, Any]:
    # a whole file, a misclassification, or a drop of UAR; the keys of all other objects may be names of groups
    if {"epoch", "missing"} <= tree.keys() or {"heard_as", "uar_lost"} & tree.keys():  # terms: ok
        return {RENAMED.get(key, key): value for key, value in tree.items()}
    return tree
