"""The result of a stress evaluation as text, for the terminal."""

from typing import Any

from aersut.evaluation.result_table import format_interval, format_metric


def stress_table(stress: dict[str, Any]) -> str:
    """The stress mean, and UAR, ECE and UAR drop under each condition.

    Args:
        stress: the content of metrics.json under "stress".
    """
    mean_ece = stress.get("ece_mean") is not None  # results of earlier versions have none
    evaluated, of = stress["evaluated"], stress["of"]
    count = f"the {of}" if evaluated == of else f"{evaluated} of the {of}"
    width = max(len(row["title"]) for row in stress["conditions"]) + 2
    return "\n".join(
        [
            f"stress mean {format_metric(stress['mean'])}: mean UAR over {count} conditions of the stress set "
            f"{stress['set']}; UAR without a condition {stress['clean']:.3f}",
            *(
                [f"mean ECE {stress['ece_mean']:.3f}, {stress['ece_clean']:.3f} without a condition"]
                if mean_ece
                else []
            ),
            "",
            f"{'stress condition':{width}}{'UAR':>5}{'ECE':>8}{'UAR drop':>10}   95 % interval by speaker, in points",
            *(f"{row['title']:{width}}{_result(row)}" for row in stress["conditions"]),
            *(f"WARNING: {row['title']}: {row['warning']}" for row in stress["conditions"] if row.get("warning")),
        ]
    )


def _result(row: dict[str, Any]) -> str:
    if row["skipped"]:
        return f"{'-':>5}{'-':>8}{'-':>10}   skipped: {row['skipped']}"
    error, interval = format_metric(row.get("ece")), format_interval(row["uar_drop_interval"], row["uar_drop"], 100, 1)
    return f"{row['uar']:.3f}{error:>8}{100 * row['uar_drop']:z10.1f}   {interval}"
