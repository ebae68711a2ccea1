"""An evaluation as text, for the terminal."""

from typing import Any

WORST = 5
NAMES = {
    "uar": "UAR",
    "wa": "WA",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "kappa": "kappa",
    "roc_auc": "ROC-AUC",
    "ece": "ECE",
}
"""The headline figures and how they are written, in the order in which they are shown."""


def table(result: dict[str, Any]) -> str:
    """The result as text: the headline figures, each class, the confusion matrix, and who is understood worst."""
    lines = [_headline(result)]
    if result["warning"]:
        lines.append(f"WARNING: {result['warning']}")
    lines += [f"note: {line}" for line in result["missing"]]
    lines += ["", *_figures(result), "", *_classes(result), "", *_confusion(result), "", *_groups(result)]
    return "\n".join(lines)


def number(value: float | None, digits: int = 3) -> str:
    """A figure, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def _headline(result: dict[str, Any]) -> str:
    judge = f"checkpoint of epoch {result['epoch']}" if result["model"] == "checkpoint" else result["model"]
    return (
        f"{'SYNTHETIC speech, no measure of real voices: ' if result['synthetic'] else ''}"
        f"UAR {result['uar']:.3f}, WA {result['wa']:.3f} on {result['clips']:,} clips of {result['speakers']} speakers "
        f"({'+'.join(result['corpora'])}, protocol {result['protocol']}, {judge})"
    )


def _figures(result: dict[str, Any]) -> list[str]:
    lines = [f"{'':12}{'value':>8}   95 % interval, by speaker"]
    for name, label in NAMES.items():
        interval = result["intervals"].get(name)
        between = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "-"
        lines.append(f"{label:12}{number(result[name]):>8}   {between}")
    return lines


def _classes(result: dict[str, Any]) -> list[str]:
    lines = [f"{'':13}{'precision':>10}{'recall':>8}{'F1':>8}{'ROC-AUC':>9}{'clips':>7}"]
    for name, row in result["classes"].items():
        cells = f"{row['precision']:10.3f}{number(row['recall']):>8}{number(row['f1']):>8}{number(row['roc_auc']):>9}"
        lines.append(f"{name:13}{cells}{row['clips']:7,}")
    for name, row in result["averages"].items():
        lines.append(f"{name + ' mean':13}{row['precision']:10.3f}{row['recall']:8.3f}{row['f1']:8.3f}")
    return lines


def _confusion(result: dict[str, Any]) -> list[str]:
    names = result["emotions"]
    lines = [f"{'spoken':10}heard as" + "".join(f"{name:>{max(9, len(name) + 1)}}" for name in names)]
    for name, counts in zip(names, result["confusion"], strict=True):
        cells = (f"{count:{max(9, len(heard) + 1)},}" for heard, count in zip(names, counts, strict=True))
        lines.append(f"{name:18}" + "".join(cells))
    return lines


def _groups(result: dict[str, Any]) -> list[str]:
    lines = []
    for key, rows in result["breakdown"].items():
        shown = list(rows.items())
        title = key
        if key == "speaker":
            shown, title = shown[:WORST], f"worst of {len(rows)} speakers"
        if len(rows) > 1:
            lines.append(f"by {title}: " + ", ".join(f"{name} UAR {row['uar']:.3f}" for name, row in shown))
    return lines
