"""The report of a run: one HTML file that says what was done, on what, and what came of it. Fetches nothing."""

import json
import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aersut.config import to_tree
from aersut.data.splits import PARTS
from aersut.errors import UserError
from aersut.evaluation import explain, pictures
from aersut.evaluation.compare import flat, read_json
from aersut.evaluation.page import inlined, write_page
from aersut.evaluation.plots import classes, curves, style
from aersut.run import Run
from aersut.training import records


def write_report(run: Run) -> str:
    """Write `report.html` into the run folder, and the pictures that need no evaluation into `plots/`; return its path.

    What the run has not made yet, or is damaged, is named and left out.

    Raises:
        UserError: the libraries that draw it are not installed.
    """
    if not style.available():
        raise UserError("the report needs matplotlib: pip install 'aersut[report]'.")
    epochs, split, evaluation = records.read(run.records), read_json(run.split), read_json(run.evaluation)
    exported = read_json(run.export / "export.json")
    missing = _missing(run, epochs, split, evaluation, exported)
    if evaluation and "intervals" not in evaluation:
        evaluation = None
    folder = run.evaluation.parent
    write_page(
        run.report,
        "report.html",
        name=run.experiment.name,
        folder=str(run.folder),
        synthetic=run.synthetic,
        missing=missing,
        evaluation=evaluation,
        pictures=_drawn(folder, pictures.CAPTIONS),
        importance=_importance(folder, evaluation),
        elsewhere=_elsewhere(folder),
        epochs=len(epochs),
        selected=records.SELECTED[run.experiment.select],
        curves=_curves(run, epochs),
        parts=_parts(split),
        corpora=_corpora(run, split),
        examples=_drawn(folder, {f"{pictures.EXAMPLE}{name}": name for name in run.experiment.data.emotions}, False),
        export=exported,
        configuration=flat(to_tree(run.experiment)),
        sessions=_sessions(run),
        commands=_commands(run),
    )
    return str(run.report)


def _missing(
    run: Run,
    epochs: list[dict[str, Any]],
    split: dict[str, Any] | None,
    evaluation: dict[str, Any] | None,
    exported: dict[str, Any] | None,
) -> list[str]:
    """What a finished run would have and this one has not, each with the command that makes it."""
    folder, lines = shlex.quote(str(run.folder)), []
    wanted = run.experiment.epochs
    if len(epochs) < wanted and not records.exhausted(epochs, run.experiment.patience):
        lines.append(f"Training is not finished: {len(epochs)} of {wanted} epochs (--mode=train --workdir={folder}).")
    if split is None:
        lines.append("split.json is not there or damaged: nothing is known of the parts of the data.")
    if evaluation is None:
        lines.append(f"It is not evaluated yet (--mode=evaluate --workdir={folder}).")
    elif "intervals" not in evaluation:
        lines.append(f"It was evaluated by an earlier version: do it again (--mode=evaluate --workdir={folder}).")
    elif epochs and (epoch := records.selected(epochs, run.experiment.select)["epoch"]) != evaluation["epoch"]:
        which = records.SELECTED[run.experiment.select]
        lines.append(f"It was evaluated after epoch {evaluation['epoch']}; {which} is epoch {epoch} now.")
    if exported is None:
        lines.append(f"It is not exported yet (--mode=export --workdir={folder}).")
    return lines


def _curves(run: Run, epochs: list[dict[str, Any]]) -> Any:
    if not epochs:
        return None
    style.draw(run.plots / "curves", curves.SIZE, curves.paint, epochs)
    return inlined(run.plots / "curves.svg", "Loss and validation UAR after each epoch, the best one marked")


def _corpora(run: Run, split: dict[str, Any] | None) -> Any:
    if not split:
        return None
    style.draw(run.plots / "corpora", classes.CORPORA, classes.paint_corpora, split, run.experiment.data.emotions)
    return inlined(run.plots / "corpora.svg", "Clips of each emotion")


def _parts(split: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Clips, augmented copies and speakers of each part."""
    rows = []
    for part in PARTS if split else ():
        clips = [clip for clip in (split or {})["clips"] if part in clip["parts"]]
        speakers = Counter(f"{clip['corpus']}:{clip['speaker']}" for clip in clips)
        items = sum(clip["parts"].count(part) for clip in clips)
        names = sorted(speakers, key=lambda name: (len(name), name))
        rows.append({"name": part, "clips": len(clips), "copies": items - len(clips), "speakers": names})
    return rows


def _importance(folder: Path, evaluation: dict[str, Any] | None) -> dict[str, Any] | None:
    found = read_json(folder / "importance.json")
    if not found or not evaluation or found["epoch"] != evaluation["epoch"]:
        return None
    gradients = {f"{explain.GRADIENTS}{emotion}": emotion for emotion in found.get("gradients", {})}
    captions = explain.CAPTIONS
    return {**found, "pictures": _drawn(folder, captions), "gradients": _drawn(folder, gradients, captioned=False)}


def _elsewhere(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Evaluations on other speech, and of exported files."""
    results = [(path.parent.name, read_json(path)) for path in sorted(folder.glob("*/metrics.json"))]
    return [(name, result) for name, result in results if result and "intervals" in result]


def _sessions(run: Run) -> list[dict[str, Any]]:
    """One per start of the training; a line that cannot be read is passed over."""
    if not run.sessions.exists():
        return []
    found = []
    for line in run.sessions.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            session = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(session, dict):
            found.append({**session, "command": shlex.join(["python", *session.get("command", [])])})
    return found


def _commands(run: Run) -> list[tuple[str, str]]:
    """What makes the run again, and its parts."""
    folder = shlex.quote(str(run.folder))
    launch = "python launch.py"
    return [
        (
            "the whole run, from its configuration alone",
            f"{launch} --experiment={folder}/config.json --workdir=NEW",
        ),
        ("this evaluation", f"{launch} --mode=evaluate --workdir={folder}"),
        ("what the network listens to", f"{launch} --mode=evaluate --importance --workdir={folder}"),
        ("all folds of its protocol", f"{launch} --mode=evaluate --folds=all --workdir={folder}"),
        ("the exported files", f"{launch} --mode=export --workdir={folder}"),
        ("this page", f"{launch} --mode=report --workdir={folder}"),
    ]


def _drawn(folder: Path, captions: Mapping[str, str], captioned: bool = True) -> list[Any]:
    """Those of an evaluation's pictures that there are."""
    figures = [inlined(folder / "plots" / f"{name}.svg", caption, captioned) for name, caption in captions.items()]
    return [figure for figure in figures if figure is not None]
