"""HTML report of a run: data, training, results and export on one page that fetches nothing."""

import dataclasses
import operator
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aersut.config import Data, Experiment
from aersut.data.assignment import SPLITS
from aersut.data.splits import read_split
from aersut.errors import require
from aersut.evaluation.comparison import flatten
from aersut.evaluation.result_files import EMULATION, read_export, read_metrics
from aersut.experiment import load_experiment
from aersut.paths import read_json
from aersut.program import program
from aersut.report.evaluation_plots import CAPTIONS, EXAMPLE, GRADIENTS_PREFIX, IMPORTANCE_CAPTIONS
from aersut.report.page import embed_file, write_page
from aersut.report.plots import classes, curves, style
from aersut.report.robustness import robustness
from aersut.run_folder import Run, RunFolder, as_configured, class_notes, clips_in, recorded_classes
from aersut.training import records
from aersut.tree import to_tree

Result = dict[str, Any] | None
CURVES = "Loss and validation UAR after each epoch; a dot marks the best epoch"
CORPORA_CAPTION = "Clips of each emotion in each corpus"


@dataclasses.dataclass(frozen=True)
class _Described:
    """What the report says about a run before its results.

    Attributes:
        configuration: the tree of the experiment.
        synthetic: whether any corpus is synthetic.
        exportable: whether its model is.
    """

    configuration: dict[str, Any]
    synthetic: bool
    exportable: bool


def write_report(run: RunFolder) -> str:
    """Write `report.html` into the run folder, and plots of training and data into its `plots/`; return the path.

    The report lists results that do not exist yet or are damaged, and omits them.

    Raises:
        UserError: matplotlib or jinja2 is not installed, or the configuration cannot be read.
    """
    require("the report needs", "report", "matplotlib", "jinja2")
    epochs, split, evaluation = records.read_records(run.records), read_split(run.split), read_metrics(run.evaluation)
    exported, about = read_export(run), _described(run, evaluation)
    configuration = about.configuration
    complete = evaluation if evaluation and "intervals" in evaluation else None
    folder, emotions = run.evaluation.parent, _classes(configuration, split)
    results = ((path.parent.name, read_metrics(path)) for path in sorted(folder.glob("*/metrics.json")))
    others = [(name, other) for name, other in results if other and "intervals" in other]
    write_page(
        run.report,
        "report.html",
        name=configuration["name"],
        folder=str(run.folder),
        synthetic=about.synthetic,
        notes=_notes(run, about, epochs, split, evaluation, exported),
        evaluation=complete,
        plots=_embedded(folder, CAPTIONS),
        importance=_importance(folder, complete),
        other_evaluations=others,
        robustness=robustness(run, complete, others, exported),
        selected=records.SELECTED[configuration["select"]],
        curves=epochs and _plotted(run.plots / "curves", CURVES, curves.SIZE, curves.paint_curves, epochs),
        sets=_sets(split),
        corpora=split
        and _plotted(run.plots / "corpora", CORPORA_CAPTION, classes.CORPORA, classes.paint_corpora, split, emotions),
        examples=_embedded(folder, {f"{EXAMPLE}{name}": name for name in emotions}, captioned=False),
        export=exported,
        emulation={"boards": [], "products": []} | (read_json(run.export / EMULATION) or {}),
        exportable=about.exportable,
        configuration=flatten(configuration),
        sessions=_sessions(run),
        commands=_commands(run),
    )
    return str(run.report)


def write_folds_report(folder: Path, result: dict[str, Any]) -> str:
    """Write `report.html` of a cross-validation beside its pooled metrics.json and plots; return the path.

    Args:
        result: the content of that metrics.json.

    Raises:
        UserError: jinja2 is not installed.
    """
    page = folder / "report.html"
    plots = _embedded(folder, CAPTIONS)
    name = f"{result['experiment']}: cross-validation"
    write_page(page, "folds.html", name=name, folder=str(folder), evaluation=result, plots=plots, selected="")
    return str(page)


def _described(run: RunFolder, evaluation: Result) -> _Described:
    """The description of a run from its experiment; of files only, from these if they are complete.

    Else the experiment is loaded, which imports all plugins with JAX: half of the time of a report.
    """
    configuration, about = read_json(run.config) or {}, evaluation or {}
    known = configuration.keys(), configuration.get("data", {}).keys()
    wanted = (
        {field.name for field in dataclasses.fields(cls) if not field.metadata.get("omitted")}
        for cls in (Experiment, Data)
    )
    complete = all(map(operator.le, wanted, known))
    if not isinstance(run, Run) and complete and {"synthetic", "exportable"} <= about.keys():
        return _Described(configuration, about["synthetic"], about["exportable"])
    loaded = run if isinstance(run, Run) else Run(run.folder, load_experiment(str(run.config)))
    return _Described(to_tree(as_configured(loaded)), loaded.synthetic, loaded.experiment.model.exportable)


def _notes(
    run: RunFolder,
    about: _Described,
    epochs: list[dict[str, Any]],
    split: Result,
    evaluation: Result,
    exported: Result,
) -> list[str]:
    """The results that the run lacks, each with the command that produces it, and labels without a training clip."""
    folder, lines = shlex.quote(str(run.folder)), []
    wanted, patience, select = (about.configuration[key] for key in ("epochs", "patience", "select"))
    if len(epochs) < wanted and not records.stops_early(epochs, patience):
        lines.append(f"Training is not finished: {len(epochs)} of {wanted} epochs (--mode=train --workdir={folder}).")
    if split is None:
        lines.append("split.json is missing or damaged: the training, validation and test sets are unknown.")
    else:
        lines += class_notes(split, _classes(about.configuration, split))
    if evaluation is None:
        lines.append(f"The run is not evaluated (--mode=evaluate --workdir={folder}).")
    elif "intervals" not in evaluation:
        lines.append(
            f"The run was evaluated by an earlier version; evaluate it again (--mode=evaluate --workdir={folder})."
        )
    elif epochs and (epoch := _selected_epoch(run, epochs, select)) != evaluation["epoch"]:
        which = records.SELECTED[select]
        lines.append(f"The evaluation is of epoch {evaluation['epoch']}; {which} is epoch {epoch} now.")
    if exported is None and about.exportable:
        lines.append(f"The run is not exported (--mode=export --workdir={folder}).")
    return lines


def _classes(configuration: dict[str, Any], split: Result) -> tuple[str, ...]:
    return tuple(configuration["data"]["emotions"]) or (recorded_classes(split) if split else ())


def _selected_epoch(run: RunFolder, epochs: list[dict[str, Any]], select: str) -> int:
    """The epoch that an evaluation would evaluate; not every epoch has a checkpoint."""
    saved = [int(folder.name) for folder in run.checkpoints.glob("*") if folder.name.isdigit()]
    return max(saved) if select == "last" and saved else int(records.selected(epochs, select)["epoch"])


def _plotted(path: Path, caption: str, size: tuple[float, float], paint: Callable[..., None], *args: Any) -> Any:
    style.write_plot(path, size, paint, *args)
    return embed_file(path.with_suffix(".svg"), caption)


def _sets(split: Result) -> list[dict[str, Any]]:
    """Clips, augmented copies and speakers of the training, validation and test sets."""
    if not split:
        return []
    rows = []
    for name in SPLITS:
        clips = clips_in(split, name)
        speakers = {f"{clip['corpus']}:{clip['speaker']}" for clip in clips}
        versions = sum(clip["splits"].count(name) for clip in clips)
        names = sorted(speakers, key=lambda speaker: (len(speaker), speaker))
        rows.append({"name": name, "clips": len(clips), "copies": versions - len(clips), "speakers": names})
    return rows


def _importance(folder: Path, evaluation: Result) -> Result:
    found = read_metrics(folder / "importance.json")
    if not found or not evaluation or found["epoch"] != evaluation["epoch"]:
        return None
    titles = {f"{GRADIENTS_PREFIX}{emotion}": emotion for emotion in found.get("gradients", {})}
    plots = {"plots": _embedded(folder, IMPORTANCE_CAPTIONS), "gradients": _embedded(folder, titles, captioned=False)}
    return {**found, **plots}


def _sessions(run: RunFolder) -> list[dict[str, Any]]:
    """One session for each start of the training; damaged lines are skipped."""
    return [
        {**session, "command": shlex.join(["python", *session.get("command", [])])}
        for session in records.read_lines(run.sessions)
    ]


def _commands(run: RunFolder) -> list[tuple[str, str]]:
    """Commands that reproduce the run, and each of its results."""
    folder, launch = shlex.quote(str(run.folder)), program()
    return [
        ("train a new run from this configuration", f"{launch} --experiment={folder}/config.json --workdir=NEW"),
        ("evaluate the checkpoint", f"{launch} --mode=evaluate --workdir={folder}"),
        ("evaluate its robustness", f"{launch} --mode=evaluate --stress --workdir={folder}"),
        ("compute feature importance", f"{launch} --mode=evaluate --importance --workdir={folder}"),
        ("train and evaluate all folds of the protocol", f"{launch} --mode=evaluate --folds=all --workdir={folder}"),
        ("export the checkpoint", f"{launch} --mode=export --workdir={folder}"),
        ("write this report", f"{launch} --mode=report --workdir={folder}"),
    ]


def _embedded(folder: Path, captions: Mapping[str, str], captioned: bool = True) -> list[Any]:
    """The plots of an evaluation that exist."""
    plots = [embed_file(folder / "plots" / f"{name}.svg", caption, captioned) for name, caption in captions.items()]
    return [plot for plot in plots if plot is not None]
