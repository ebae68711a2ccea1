"""Comparison of runs: a table of their metrics and of the differences between their configurations."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aersut.bundle_files import CLASSIFIER
from aersut.errors import UserError, nearest
from aersut.evaluation.paired import UARDifference, read_predictions, uar_difference
from aersut.evaluation.result_files import METRIC_NAMES, read_metrics
from aersut.evaluation.result_table import format_interval, format_metric
from aersut.paths import read_json
from aersut.run_folder import RunFolder, named_folder
from aersut.training import records

NAMES = {**METRIC_NAMES, "stress_mean": "stress mean"}
"""Keys and printed names of the compared metrics of the test set."""
HEADINGS = {**NAMES, "kilobytes": "int8 KB"}
"""The headings of the table."""
DIFFERENCE = "UAR difference (95 % interval)"
ASCENDING = {"ece", "kilobytes"}
"""The metrics that are better if they are lower."""


@dataclass(frozen=True)
class ComparedRun:
    """The metrics and the configuration of a run, or of the pooled folds of a cross-validation.

    Attributes:
        metrics: trained epochs, the headline metrics, the stress mean, the size of the exported int8 classifier in KB;
            None if missing.
        configuration: each leaf as text, by its dotted key.
        notes: warnings, and what could not be read.
        difference: of its UAR from that of a baseline; None without a baseline, or if its clips are others.
    """

    folder: Path
    metrics: dict[str, float | None]
    configuration: dict[str, str]
    notes: tuple[str, ...] = ()
    difference: UARDifference | None = None


def find_runs(folders: list[Path]) -> list[Path]:
    """Find the run folders among `folders`, which may be names of runs, and below them, without duplicates.

    Raises:
        UserError: a folder does not exist, or there is no run in it or below it.
    """
    found: list[Path] = []
    for folder in map(named_folder, folders):
        if not folder.is_dir():
            raise UserError(f"folder {folder} does not exist; name runs, or a folder of runs, with --workdir=A,B.")
        runs = [config.parent for config in sorted(folder.rglob("config.json"))]
        # a run inside another run is its teacher
        runs = [folder] if folder in runs else [run for run in runs if not (run.parent / "config.json").exists()]
        if not runs:
            raise UserError(f"{folder} is not a run folder and contains none: it has no config.json in it or below it.")
        found += runs
    return list(dict.fromkeys(found))


def find_results(folders: list[Path]) -> list[Path]:
    """`find_runs`, and the folders of pooled folds among `folders` and below them."""
    named = list(map(named_folder, folders))
    found = [path.parent for folder in named for path in sorted(folder.rglob("metrics.json"))]
    pooled = list(filter(_is_pooled, found))
    others = [folder for folder in named if folder not in pooled]
    return [*dict.fromkeys([*(find_runs(others) if others else []), *pooled])]


def results_in(folder: Path) -> Path:
    """The folder of metrics.json and predictions.csv of a run, or of pooled folds."""
    return folder if _is_pooled(folder) else RunFolder(folder).evaluation.parent


def read_compared_run(folder: Path) -> ComparedRun:
    """Read the folder of a run or of pooled folds; missing or damaged files become None and notes."""
    run = RunFolder(folder)
    notes = []
    evaluation = read_metrics(results_in(folder) / "metrics.json") or {}
    tree, export = _configuration(folder, evaluation), read_json(run.exported) or {}
    if tree is None:
        notes.append("config.json cannot be read")
    warnings = {"leaks": "LEAKS", "synthetic": "synthetic speech"}
    notes += [warning for key, warning in warnings.items() if evaluation.get(key)]
    trained = records.read_records(run.records)
    if trained and tree and (incomplete := records.unfinished(trained, tree.get("epochs", 0), tree.get("patience"))):
        notes.append(incomplete.removesuffix("."))
    if "intervals" not in evaluation:
        notes.append("evaluated by an earlier version" if evaluation else "not evaluated")
    size = export.get("files", {}).get(CLASSIFIER, {}).get("bytes")
    metrics: dict[str, float | None] = {"trained": None if _is_pooled(folder) else len(trained)}
    metrics |= {name: evaluation.get(name) for name in METRIC_NAMES}
    stress = evaluation.get("stress") or {}
    metrics["stress_mean"] = stress.get("mean")
    if stress.get("evaluated") != stress.get("of"):
        notes.append(f"stress mean of {stress['evaluated']} of {stress['of']} conditions")
    metrics["kilobytes"] = round(size / 1000) if size else None
    configuration = dict(flatten(tree or {}))
    return ComparedRun(folder, metrics, {**configuration, **_lists(configuration)}, tuple(notes))


def with_differences(runs: list[ComparedRun], baseline: Path) -> list[ComparedRun]:
    """Compare each run with a baseline, the folder of a run or of pooled folds; a run on other clips gets a note.

    Raises:
        UserError: the baseline is not one of the runs, or it is not evaluated.
    """
    folder = named_folder(baseline).resolve()
    if folder not in [run.folder.resolve() for run in runs]:
        raise UserError(f"--baseline={baseline} is not one of the compared runs: add it to --workdir.")
    of_baseline = read_predictions(results_in(folder))
    return [
        replace(run, notes=("baseline", *run.notes))
        if run.folder.resolve() == folder
        else _with_difference(run, of_baseline)
        for run in runs
    ]


def differing_keys(runs: list[ComparedRun]) -> list[str]:
    """The configuration keys in which the runs differ, in the order of the configuration.

    Where the runs have different plugins, the key of the plugin's name is listed and the keys of its fields are not,
    since the other plugins do not have them. Different lists of plugins are one key: "augment".
    """
    keys = dict.fromkeys(key for run in runs for key in run.configuration)
    different = [key for key in keys if len({run.configuration.get(key) for run in runs}) > 1]
    lists = {key for run in runs for key in _lists(run.configuration)}.intersection(different)
    different = [key for key in different if not key.startswith(tuple(f"{name}." for name in lists))]
    plugins = tuple(key.removesuffix("name") for key in different if key.endswith(".name"))
    return [key for key in different if key.endswith(".name") or not key.startswith(plugins)]


def sort_runs(runs: list[ComparedRun], key: str) -> list[ComparedRun]:
    """Sort by a metric (best first), by a configuration key, or by "folder"; runs without a value come last.

    Raises:
        UserError: the key does not exist.
    """
    metrics, leaves = list(runs[0].metrics), {leaf for run in runs for leaf in run.configuration}
    if key not in (*metrics, *leaves, "folder"):
        known = [*metrics, "folder", *differing_keys(runs)]
        raise UserError(f"--sort: there is no '{key}'.{nearest(key, [*known, *leaves])} Known: {', '.join(known)}.")
    sign = -1 if key in metrics and key not in ASCENDING else 1

    def order(run: ComparedRun) -> tuple[bool, float, str]:
        value = str(run.folder) if key == "folder" else run.metrics.get(key, run.configuration.get(key))
        if value is None:
            return True, 0.0, ""
        try:
            return False, sign * float(value), ""
        except ValueError:
            return False, 0.0, str(value)

    return sorted(runs, key=order)


def comparison_table(runs: list[ComparedRun]) -> str:
    """Folder, metrics, difference from a baseline, differing configuration and notes of each run, in columns."""
    keys = differing_keys(runs)
    compared = [DIFFERENCE] if any(run.difference for run in runs) else []
    lines = [["run", *(HEADINGS.get(name, name) for name in runs[0].metrics), *compared, *keys, "notes"]]
    for run in runs:
        cells = [format_metric(value, 3 if name in NAMES else 0) for name, value in run.metrics.items()]
        difference = [_format_difference(run.difference)] if compared else []
        leaves = [_shortened(key, run.configuration.get(key, "-")) for key in keys]
        lines.append([str(run.folder), *cells, *difference, *leaves, ", ".join(run.notes)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    numeric = range(1, 1 + len(runs[0].metrics))
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in numeric else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def comparison_json(runs: list[ComparedRun]) -> list[dict[str, Any]]:
    """The runs as plain data, each with the keys of its configuration that differ."""
    keys = differing_keys(runs)
    return [
        {
            "folder": str(run.folder),
            **run.metrics,
            "uar_difference": run.difference and run.difference.difference,
            "uar_difference_interval": run.difference and run.difference.interval,
            "configuration": {key: run.configuration.get(key) for key in keys},
            "notes": list(run.notes),
        }
        for run in runs
    ]


def _is_pooled(folder: Path) -> bool:
    return folder.name.startswith("folds-") and (folder / "metrics.json").exists()


def _configuration(folder: Path, evaluation: dict[str, Any]) -> dict[str, Any] | None:
    """The content of config.json; for pooled folds, that of their first run, with all folds as `data.fold`."""
    if not _is_pooled(folder):
        return read_json(RunFolder(folder).config)
    folds = evaluation.get("folds", [])
    first = read_json(RunFolder(folder.parent / Path(folds[0]["folder"]).name).config) if folds else None
    return first and {**first, "data": {**first["data"], "fold": [row["fold"] for row in folds]}}


def _lists(configuration: dict[str, str]) -> dict[str, str]:
    """The names of the plugins of each list, such as "mfcc, zcr" of "features"."""
    names: dict[str, list[str]] = {}
    for key, value in configuration.items():
        if match := re.fullmatch(r"(.+?)\.\d+\.name", key):
            names.setdefault(match[1], []).append(value)
    return {key: ", ".join(found) for key, found in names.items()}


def _shortened(key: str, value: str) -> str:
    return value[:10] if key.endswith("digest") else value


def _format_difference(found: UARDifference | None) -> str:
    if found is None:
        return "-"
    return f"{found.difference:+z.3f} ({format_interval(found.interval, found.difference)})"


def _with_difference(run: ComparedRun, baseline: list[dict[str, str]]) -> ComparedRun:
    try:
        return replace(run, difference=uar_difference(read_predictions(results_in(run.folder)), baseline))
    except UserError as error:
        return replace(run, notes=(*run.notes, str(error).partition(":")[0]))


def flatten(tree: Any, at: str = "") -> list[tuple[str, str]]:
    """Every leaf of a configuration as text, with its dotted key as on the command line."""
    if isinstance(tree, dict):
        return [line for key, value in tree.items() for line in flatten(value, f"{at}.{key}" if at else key)]
    if isinstance(tree, list) and any(isinstance(item, dict) for item in tree):
        return [line for index, value in enumerate(tree) for line in flatten(value, f"{at}.{index}")]
    return [(at, ", ".join(map(str, tree)) if isinstance(tree, list) else str(tree))]
