"""HTML page that compares several runs."""

from pathlib import Path
from string import ascii_uppercase as LETTERS

from aersut.evaluation.comparison import ASCENDING, NAMES, ComparedRun, differing_keys, read_compared_run
from aersut.evaluation.result_files import read_export, read_metrics
from aersut.paths import refuse_other_file
from aersut.report.page import embed_file, svg_figure, write_page
from aersut.report.plots import curves, style
from aersut.run_folder import RunFolder
from aersut.training import records

MARK = "– AERSUT</title>".encode()


def write_comparison(runs: list[RunFolder], output: Path) -> str:
    """Write a page that compares runs into `output` and return its path; results that do not exist are omitted.

    Raises:
        UserError: matplotlib or jinja2 is not installed, or the page would replace another file.
    """
    refuse_other_file(output, MARK, "a page of --mode=report")
    compared = [read_compared_run(run.folder) for run in runs]
    labels = [LETTERS[index % 26] + str(index // 26 or "") for index in range(len(runs))]  # A, B, …, Z, A1, B1, …
    found = [read_metrics(run.evaluation) for run in runs]
    evaluations = [result if result and "intervals" in result else None for result in found]
    trained = ((label, records.read_records(run.records)) for label, run in zip(labels, runs, strict=True))
    epochs = {label: found for label, found in trained if found}
    plot = style.render("curves", curves.SIZE, curves.paint_curves_of_runs, epochs) if epochs else None
    write_page(
        output,
        "comparison.html",
        labels=labels,
        runs=compared,
        evaluations=evaluations,
        names={name: text for name, text in NAMES.items() if _best(compared, name) is not None},
        best={name: _best(compared, name) for name in NAMES},
        emotions=list(dict.fromkeys(name for one in evaluations if one for name in one["emotions"])),
        exports=[(label, read_export(run)) for label, run in zip(labels, runs, strict=True)],
        keys=differing_keys(compared),
        curves=plot and svg_figure(plot["svg"], "Validation loss and UAR after each epoch; a dot marks the best epoch"),
        confusions=[
            embed_file(run.evaluation.parent / "plots" / "confusion.svg", f"{label}: confusion matrix")
            for label, run in zip(labels, runs, strict=True)
        ],
    )
    return str(output)


def _best(runs: list[ComparedRun], name: str) -> float | None:
    known = [value for run in runs if (value := run.metrics[name]) is not None]
    return (min if name in ASCENDING else max)(known) if known else None
