"""The result of an evaluation as text, for the terminal."""

from collections.abc import Sequence
from typing import Any

from aersut.evaluation.result_files import METRIC_NAMES
from aersut.texts import counted

WORST = 5  # speakers


def result_table(result: dict[str, Any]) -> str:
    """Headline metrics, metrics by class, the confusion matrix and results by group as text.

    Args:
        result: the content of metrics.json.
    """
    lines = [_headline(result)]
    if result["warning"]:
        lines.append(f"WARNING: {result['warning']}")
    lines += [f"note: {line}" for line in result["notes"]]
    lines += ["", *_metrics(result), "", *_classes(result), "", *_confusion(result), "", *_groups(result)]
    return "\n".join(lines).rstrip()


def format_metric(value: float | None, digits: int = 3) -> str:
    """A metric with `digits` decimal places; a dash for None."""
    return "-" if value is None else f"{value:z.{digits}f}"


def format_interval(interval: Sequence[float] | None, value: float | None, scale: float = 1, digits: int = 3) -> str:
    """The 95 % interval of a metric with this value, times `scale`, or why there is none; a dash for no value."""
    if interval is None:
        return "-" if value is None else "too few speakers"
    return " to ".join(f"{scale * end:z.{digits}f}" for end in interval)


def _headline(result: dict[str, Any]) -> str:
    model = f"checkpoint of epoch {result['epoch']}" if result["model"] == "checkpoint" else result["model"]
    synthetic = "SYNTHETIC speech, not a measure of performance on real speech: " if result["synthetic"] else ""
    clips, speakers = counted(result["clips"], "clip"), counted(result["speakers"], "speaker")
    return (
        f"{synthetic}UAR {result['uar']:.3f}, WA {result['wa']:.3f} on {clips} of {speakers} "
        f"({'+'.join(result['corpora'])}, protocol {result['protocol']}, {model})"
    )


def _metrics(result: dict[str, Any]) -> list[str]:
    lines = [f"{'metric':12}{'value':>8}   95 % interval by speaker"]
    for name, label in METRIC_NAMES.items():
        between = format_interval(result["intervals"].get(name), result[name])
        lines.append(f"{label:12}{format_metric(result[name]):>8}   {between}")
    return lines


def _classes(result: dict[str, Any]) -> list[str]:
    width = max(13, *(len(name) + 2 for name in result["classes"]))
    lines = [f"{'emotion':{width}}{'precision':>10}{'recall':>8}{'F1':>8}{'ROC-AUC':>9}{'clips':>7}"]
    for name, row in result["classes"].items():
        recall, f1, roc_auc = (format_metric(row[key]) for key in ("recall", "f1", "roc_auc"))
        lines.append(f"{name:{width}}{row['precision']:10.3f}{recall:>8}{f1:>8}{roc_auc:>9}{row['clips']:7,}")
    for name, row in result["averages"].items():
        lines.append(f"{name + ' mean':{width}}{row['precision']:10.3f}{row['recall']:8.3f}{row['f1']:8.3f}")
    return lines


def _confusion(result: dict[str, Any]) -> list[str]:
    names = result["emotions"]
    widths = [max(9, len(name) + 1) for name in names]
    first = max(18, *(len(name) + 1 for name in names))
    lines = [f"{'true / predicted':{first}}" + "".join(f"{name:>{w}}" for name, w in zip(names, widths, strict=True))]
    for name, counts in zip(names, result["confusion"], strict=True):
        lines.append(f"{name:{first}}" + "".join(f"{count:{w},}" for count, w in zip(counts, widths, strict=True)))
    return lines


def _groups(result: dict[str, Any]) -> list[str]:
    lines = []
    for grouping, rows in result["groups"].items():
        shown = list(rows.items())[: WORST if grouping == "speaker" else None]
        title = grouping if len(shown) == len(rows) else f"{grouping} (lowest {len(shown)} of {len(rows)})"
        if len(rows) > 1:
            differ = len({row.get("emotions") for row in rows.values()}) > 1  # then their UAR cannot be compared
            parts = [
                f"{name} {row['uar']:.3f}" + (f" ({row['emotions']} emotions)" if differ else "") for name, row in shown
            ]
            lines.append(f"  {title}: " + ", ".join(parts))
    return ["results by group, UAR:", *lines] if lines else []
