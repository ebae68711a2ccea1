"""What `aersut.train`, `evaluate`, `export` and `sweep` return: paths, metrics, tables for pandas, and figures.

Tables are lists of dicts, one per row: `pandas.DataFrame(result.predictions)`. In a notebook, a result is shown as the
table that the command line prints.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from aersut.config import Experiment
from aersut.run_folder import Run
from aersut.training import records

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from aersut.sweep.results import SweepResults


@dataclass(frozen=True, repr=False)
class TrainingResult:
    """A trained run.

    Attributes:
        run: its folder, experiment and paths: `run.folder`, `run.config`, `run.split`, `run.checkpoints`, …
        history: the record of each epoch: losses, accuracy, validation WA and UAR, and the temperature that calibrates
            its probabilities.
        complete_before: whether the training was complete already.
    """

    run: Run
    history: list[dict[str, Any]]
    complete_before: bool = False

    @property
    def selected(self) -> dict[str, Any]:
        """The record of the epoch that is evaluated and exported (`Experiment.select`)."""
        return records.selected(self.history, self.run.experiment.select)

    @property
    def checkpoint(self) -> Path:
        """The folder of the checkpoint of that epoch."""
        return self.run.checkpoints / str(self.selected["epoch"])

    def plot(self) -> "Figure":
        """Learning curves: losses and validation UAR over the epochs; `UserError` without matplotlib."""
        from aersut.report.plots import curves
        from aersut.report.plots.style import draw_figure

        return draw_figure(curves.SIZE, curves.paint_curves, self.history)

    def __repr__(self) -> str:
        selected = self.selected
        return (
            f"run folder {self.run.folder}: {len(self.history)} epochs; epoch {selected['epoch']}, "
            f"{records.SELECTED[self.run.experiment.select]}, has validation UAR {selected['validation_uar']:.3f}"
        )


@dataclass(frozen=True)
class ConfusionMatrix:
    """A confusion matrix, true classes in rows and predicted ones in columns; `np.asarray` of it are the counts.

    Attributes:
        emotions: names of the classes.
        rows: counts of clips.
    """

    emotions: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]

    @property
    def counts(self) -> Int[np.ndarray, "classes classes"]:
        """Counts of clips."""
        return np.array(self.rows)

    @property
    def normalized(self) -> Float[np.ndarray, "classes classes"]:
        """Fractions of the clips of each true class, 0 to 1; NaN for a class without clips."""
        totals = self.counts.sum(axis=1, keepdims=True)
        return np.divide(self.counts, totals, where=totals > 0, out=np.full(self.counts.shape, np.nan))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.rows, dtype)

    def plot(self) -> "Figure":
        """The matrix as a figure: percentage of each true class, and counts; `UserError` without matplotlib."""
        from aersut.report.plots import classes
        from aersut.report.plots.style import draw_figure

        content = {"emotions": self.emotions, "confusion": self.rows, "confusion_normalized": self.normalized}
        return draw_figure(classes.CONFUSION, classes.paint_confusion, content)


@dataclass(frozen=True, repr=False)
class EvaluationResult:
    """The results of an evaluation.

    Attributes:
        run: the evaluated run.
        folder: holds metrics.json, predictions.csv and plots/.
        metrics: the content of metrics.json: headline metrics, results by class and by group, stress results, …
        predictions: a row per clip: path, corpus, speaker, true emotion, predicted emotion, and the probability of each
            emotion.
        importance: the content of importance.json; None without `importance=True`.
    """

    run: Run
    folder: Path
    metrics: dict[str, Any]
    predictions: list[dict[str, Any]]
    importance: dict[str, Any] | None = None

    @property
    def uar(self) -> float:
        """Unweighted average recall, 0 to 1."""
        return float(self.metrics["uar"])

    @property
    def wa(self) -> float:
        """Weighted accuracy (plain accuracy), 0 to 1."""
        return float(self.metrics["wa"])

    @property
    def intervals(self) -> dict[str, tuple[float, float] | None]:
        """95 % interval of each headline metric ("uar", "wa", …), by a bootstrap over speakers; None for one speaker.

        `evaluation.intervals["uar"]` is (lower end, upper end).
        """
        return {name: tuple(ends) if ends else None for name, ends in self.metrics["intervals"].items()}

    @property
    def confusion(self) -> ConfusionMatrix:
        """The confusion matrix."""
        return ConfusionMatrix(tuple(self.metrics["emotions"]), tuple(map(tuple, self.metrics["confusion"])))

    @property
    def plots(self) -> dict[str, Path]:
        """The PNG file of each plot by name ("confusion", "reliability", …); none without matplotlib."""
        return {path.stem: path for path in sorted((self.folder / "plots").glob("*.png"))}

    def __repr__(self) -> str:
        from aersut.evaluation.cross_corpus import cross_corpus_table
        from aersut.evaluation.importance import importance_table
        from aersut.evaluation.result_table import result_table
        from aersut.evaluation.stress_table import stress_table

        lines = [result_table(self.metrics)]
        if rows := self.metrics.get("cross_corpus"):
            lines.append(f"\n{cross_corpus_table(rows)}")
        if "stress" in self.metrics:
            lines.append(f"\n{stress_table(self.metrics['stress'])}")
        lines.append(f"\nresults in {self.folder}")
        if self.importance:
            lines.append(importance_table(self.importance))
        return "\n".join(lines)


@dataclass(frozen=True, repr=False)
class ExportResult:
    """The exported files of a run.

    Attributes:
        run: the exported run.
        metrics: the content of export.json: the report of each file, what the checks measured, and notes.
    """

    run: Run
    metrics: dict[str, Any]

    @property
    def folder(self) -> Path:
        """The bundle."""
        return self.run.export

    @property
    def files(self) -> list[dict[str, Any]]:
        """A row per .tflite file that was measured: its path, bytes, tensor arena, latency, WA, UAR, agreement, …"""
        return [{"path": str(self.folder / name), **report} for name, report in self.metrics["files"].items()]

    def __repr__(self) -> str:
        from aersut.export.bundle import export_table

        return export_table(self.metrics)


@dataclass(frozen=True, repr=False)
class SweepResult:
    """The trials of a sweep so far.

    Attributes:
        results: the trials by their state, and the plan of the sweep.
        written: trials.csv and the plots; none before a trial is complete.
    """

    results: "SweepResults"
    written: tuple[Path, ...] = ()

    @property
    def folder(self) -> Path:
        """Holds the runs of the trials, the study, trials.csv and the plots."""
        return self.results.plan.folder

    @property
    def trials(self) -> list[dict[str, Any]]:
        """A row per ended trial, as in trials.csv: state, objectives, searched values, run folders, …"""
        from aersut.sweep.results import trial_rows

        return [
            {key: _number(value) if key in self.results.plan.space else value for key, value in row.items()}
            for row in trial_rows(self.results)
        ]

    @property
    def best(self) -> Experiment:
        """The experiment of the best trial, for `aersut.train`; `UserError` if no trial is complete."""
        from aersut.sweep.results import trial_experiment

        return trial_experiment(self.results)

    @property
    def plots(self) -> dict[str, Path]:
        """The PNG file of each plot by name."""
        return {path.stem: path for path in sorted(self.folder.glob("*.png"))}

    def __repr__(self) -> str:
        from aersut.sweep.results import sweep_table

        return sweep_table(self.results)


def _number(text: str) -> float | int | str:
    """The number that a text states; other text is unchanged."""
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            pass
    return text
