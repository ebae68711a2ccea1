"""What `aersut.train`, `evaluate`, `export` and `sweep` return: paths, metrics, tables for pandas, and figures.

Tables are lists of dicts, one per row: `pandas.DataFrame(result.predictions)`. In a notebook, a result is shown as the
table that the command line prints, with its plots.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from aersut.config import Experiment
from aersut.errors import UserError
from aersut.notebook import html_result
from aersut.run_folder import Run
from aersut.training import records

if TYPE_CHECKING:
    from aersut.evaluation.paired import UARDifference
    from aersut.report.plots.inline import InlineFigure
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

    def plot(self) -> "InlineFigure":
        """Learning curves: losses and validation UAR over the epochs; `UserError` without matplotlib."""
        from aersut.report.plots import curves
        from aersut.report.plots.style import draw_figure

        return draw_figure(curves.SIZE, curves.paint_curves, self.history)

    def _repr_html_(self) -> str:
        return _html(self, {"learning curves": self.plot})

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

    def plot(self) -> "InlineFigure":
        """The matrix as a figure: percentage of each true class, and counts; `UserError` without matplotlib."""
        from aersut.report.plots import classes
        from aersut.report.plots.style import draw_figure

        content = {"emotions": self.emotions, "confusion": self.rows, "confusion_normalized": self.normalized}
        return draw_figure(classes.CONFUSION, classes.paint_confusion, content)

    def _repr_png_(self) -> Any:
        return self.plot()._repr_png_() if _drawn() else None


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
        """95 % interval of each headline metric ("uar", "wa", …), by a bootstrap over speakers.

        None for fewer than three speakers.

        `evaluation.intervals["uar"]` is (lower end, upper end).
        """
        return {name: tuple(ends) if ends else None for name, ends in self.metrics["intervals"].items()}

    @property
    def confusion(self) -> ConfusionMatrix:
        """The confusion matrix."""
        return ConfusionMatrix(tuple(self.metrics["emotions"]), tuple(map(tuple, self.metrics["confusion"])))

    @property
    def stress(self) -> list[dict[str, Any]]:
        """A row per stress condition: title, UAR, UAR drop with its 95 % interval, …; none without `stress=True`."""
        return list(self.metrics.get("stress", {}).get("conditions", []))

    @property
    def plots(self) -> dict[str, Path]:
        """The PNG file of each plot by name ("confusion", "reliability", …); none without matplotlib."""
        return {path.stem: path for path in sorted((self.folder / "plots").glob("*.png"))}

    def uar_difference(self, baseline: "EvaluationResult") -> "UARDifference":
        """This UAR minus that of `baseline` on the same clips, with a paired 95 % interval by speaker.

        The results are those of two runs with the same test set, or of pooled folds (`CrossValidationResult.seeds`).

        Raises:
            UserError: the two were not evaluated on the same clips with the same labels.
        """
        from aersut.evaluation.paired import uar_difference

        return uar_difference(self.predictions, baseline.predictions)

    def plot_reliability(self) -> "InlineFigure":
        """Reliability diagram: accuracy over confidence; `UserError` without matplotlib."""
        from aersut.report.plots import classes
        from aersut.report.plots.style import draw_figure

        return draw_figure(classes.RELIABILITY, classes.paint_reliability, self.metrics)

    def plot_stress(self, axis: str = "SNR (dB)") -> "InlineFigure":
        """UAR over the SNR of noise, or over another parameter of stress conditions.

        Args:
            axis: "SNR (dB)", "gain (dB)", …: what the conditions have.

        Raises:
            UserError: matplotlib is not installed, or no evaluated condition has this axis.
        """
        from aersut.report.plots import stress
        from aersut.report.plots.style import draw_figure

        found = self.metrics.get("stress")
        axes = stress.stress_curves(found) if found else {}
        if axis not in axes:
            known = ", ".join(f"'{name}'" for name in axes) or "none; evaluate with stress=True"
            raise UserError(f"stress results over '{axis}': expected one of the axes {known}.")
        return draw_figure(stress.SIZE, stress.paint_stress, {str(self.metrics["model"]): found}, axis)

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

    def _repr_html_(self) -> str:
        return _html(self, {"confusion matrix": self.confusion.plot, "reliability diagram": self.plot_reliability})


@dataclass(frozen=True, repr=False)
class CrossValidationResult:
    """The results of a cross-validation.

    Attributes:
        seeds: the evaluation of each seed, pooled over its folds; `metrics["folds"]` has a row per fold.
        folder: of the result over several seeds; None for one seed.
        metrics: the content of metrics.json there; None for one seed.
    """

    seeds: dict[int, EvaluationResult]
    folder: Path | None = None
    metrics: dict[str, Any] | None = None

    @property
    def mean(self) -> dict[str, float | None]:
        """Mean of each headline metric ("uar", "wa", …) over seeds; for one seed, over folds."""
        return dict(self._spread["mean"])

    @property
    def standard_deviation(self) -> dict[str, float | None]:
        """Standard deviation likewise; None for a single fold of a single seed."""
        return dict(self._spread["standard_deviation"])

    @property
    def _spread(self) -> dict[str, Any]:
        return self.metrics or next(iter(self.seeds.values())).metrics

    def __repr__(self) -> str:
        from aersut.evaluation.folds import folds_table, seeds_table

        if self.metrics is None:
            [one] = self.seeds.values()
            table = folds_table(one.metrics, one.folder)
            return f"{table}\nreport {report}" if (report := one.folder / "report.html").exists() else table
        folders = "\n".join(f"  {one.folder}" for one in self.seeds.values())
        return (
            f"{seeds_table(self.metrics)}\n\nresults in {self.folder}; those of each seed, with intervals and plots, "
            f"in\n{folders}"
        )


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
        """A row per .tflite file that was measured: name, path, bytes, tensor arena, latency, WA, UAR, agreement, …"""
        reports = self.metrics["files"].items()
        return [{"file": name, "path": str(self.folder / name), **report} for name, report in reports]

    def __repr__(self) -> str:
        from aersut.export.bundle import export_table

        return export_table(self.metrics)

    def _repr_html_(self) -> str:
        return html_result(repr(self))


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

        return trial_rows(self.results, typed=True)

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

    def _repr_html_(self) -> str:
        pictures = {title: path.read_bytes() for title, path in self.plots.items() if path in self.written}
        return html_result(repr(self), pictures)


def _html(result: object, plots: "dict[str, Callable[[], InlineFigure]]") -> str:
    """The text of a result, with plots below it where matplotlib is installed."""
    drawn = plots if _drawn() else {}
    return html_result(repr(result), {title: plot()._repr_png_()[0] for title, plot in drawn.items()})


def _drawn() -> bool:
    from aersut.report.plots.style import matplotlib_installed

    return matplotlib_installed()
