"""The report's section on robustness: stress results of the checkpoint and of exported models."""

import re
from typing import Any

from aersut.report.page import embed_file
from aersut.report.plots import stress as plots
from aersut.report.plots.style import write_plot
from aersut.run_folder import RunFolder

HEADINGS = {
    **dict.fromkeys(("gain", "peak_normalization", "clipping"), "Level"),
    **dict.fromkeys(("white_noise", "pink_noise", "recorded_noise"), "Noise"),
    **dict.fromkeys(("dc_offset", "hum"), "DC offset and hum"),
    **dict.fromkeys(("reverberation", "impulse_responses"), "Reverberation"),
    **dict.fromkeys(("band_limit", "sample_rate"), "Bandwidth"),
    "codec": "Codecs",
    **dict.fromkeys(("tempo", "placement"), "Tempo and position in the window"),
}
"""The table of each built-in condition, by its registered name."""
OTHERS = "Other conditions"
Result = dict[str, Any]


def robustness(
    run: RunFolder, evaluation: Result | None, others: list[tuple[str, Result]], exported: Result | None
) -> Result | None:
    """The values of the section, with its plots drawn into the run's `plots/`; None without stress results.

    Args:
        evaluation: metrics.json of the run's test set.
        others: name and metrics.json of each other evaluation.
        exported: export.json.
    """
    models = _models(evaluation, others, exported)
    elsewhere = [
        (name, result, result["stress"])
        for name, result in others
        if result.get("stress") and result["protocol"] == "external"
    ]
    if not models and not elsewhere:
        return None
    axes = dict.fromkeys(axis for stress in models.values() for axis in plots.stress_curves(stress))
    return {
        "models": models,
        "incomplete": [model for model, stress in models.items() if stress["evaluated"] < stress["of"]],
        "tables": _tables(models),
        "plots": [_plot(run, models, axis) for axis in axes],
        "elsewhere": elsewhere,
    }


def _models(evaluation: Result | None, others: list[tuple[str, Result]], exported: Result | None) -> dict[str, Result]:
    """The stress results on the run's test set by model: the checkpoint, then exported models of the same epoch."""
    found = {}
    epoch = evaluation and evaluation["epoch"]
    if evaluation and evaluation.get("stress"):
        found["checkpoint"] = evaluation["stress"]
    for _, result in others:
        if result.get("stress") and result["protocol"] != "external" and result["epoch"] == epoch:
            found[result["model"].replace("\\", "/").rpartition("/")[2]] = result["stress"]
    for name, stress in (exported or {}).get("stress", {}).items():
        if (exported or {}).get("epoch") == epoch:
            found.setdefault(name, stress)
    return found


def _tables(models: dict[str, Result]) -> dict[str, list[Result]]:
    """Rows by heading: title, standard, the reason if no model has a result, and `cells`, the result of each model."""
    rows: dict[str, Result] = {}
    for index, stress in enumerate(models.values()):
        for one in stress["conditions"]:
            row = rows.setdefault(one["title"], {**one, "cells": [{} for _ in models]})
            row["cells"][index] = one
            row["skipped"] = row["skipped"] and one["skipped"]
    tables: dict[str, list[Result]] = {}
    for row in rows.values():
        tables.setdefault(HEADINGS.get(row["name"], OTHERS), []).append(row)
    return tables


def _plot(run: RunFolder, models: dict[str, Result], axis: str) -> Any:
    path = run.plots / f"stress-{re.sub('[^a-z0-9]+', '-', axis.lower()).strip('-')}"
    write_plot(path, plots.SIZE, plots.paint_stress, models, axis)
    return embed_file(path.with_suffix(".svg"), f"UAR over {axis}; dotted: UAR without a condition")
