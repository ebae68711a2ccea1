"""Plots of a sweep and of a learning-rate range test."""

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from aersut.paths import write_bytes
from aersut.report.plots import style
from aersut.report.plots.style import BLUE, ORANGE
from aersut.sweep.lr_range import RangeTest
from aersut.sweep.results import SweepResults, uar_std
from aersut.sweep.space import Choice, Range, shorten
from aersut.sweep.trial import trial_overrides

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = style.COLOURS[0]
LOG_RATIO = 30.0
"""Values whose maximum is at least this many times their minimum are plotted on a logarithmic axis."""
MIN_LOG_RATIO = 5.0
"""A logarithmic range with a smaller ratio is plotted linearly, since it contains no round numbers for ticks."""


def write_sweep_plots(results: SweepResults) -> list[Path]:
    """Write the plots of a sweep to its folder as .svg and .png; return the paths of the .png files."""
    if not results.complete:
        return []
    keys, folder = len(results.plan.space), results.plan.folder
    columns, rows = _panel_grid(keys)
    plots = {"parameters": ((max(6.0, 3.6 * columns), 3.8 * rows), _parameters)}
    if keys > 1:
        plots["parallel"] = ((max(7.0, 2.2 * (keys + 1) + 0.8), 4.4), _parallel)
    if len(results.plan.sweep.objectives) > 1:
        plots["pareto"] = ((6.5, 4.2), _pareto)
    for name, (size, paint) in plots.items():
        style.write_plot(folder / name, size, paint, results)
    return [folder / f"{name}.png" for name in plots]


RANGE_MARK = b"aersut --mode=lr_range"


def write_lr_range_plot(test: RangeTest, title: str, output: Path) -> None:
    """Plot a learning-rate range test as .png: losses over the learning rate, raw and smoothed; the suggested range."""
    figure, png = style.draw_figure((7.0, 4.0), _range, test, title), io.BytesIO()
    figure.savefig(png, format="png", dpi=style.DPI, metadata={"Description": RANGE_MARK.decode()})
    write_bytes(output, png.getvalue())


def _range(figure: "Figure", test: RangeTest, title: str) -> None:
    axes = figure.subplots()
    axes.plot(test.rates, test.losses, ".", color=GREY, markersize=3, label="each step")
    axes.plot(test.rates, test.smooth, color=BLUE, label="smoothed")
    low, high = test.suggested
    axes.axvspan(low, high, color=ORANGE, alpha=0.15, label=f"suggested: {low:.1e} to {high:.1e}")
    begin = test.losses[: max(1, len(test.losses) // 4)]  # after the best rate the loss diverges
    _log(axes, test.rates[0], test.rates[-1])
    axes.set(xlabel="learning rate", ylabel="training loss (nats)", title=title)
    axes.set_ylim(test.losses.min() * 0.9, begin.max() * 1.1)
    axes.legend(loc="lower left", fontsize=8)


def _panel_grid(keys: int) -> tuple[int, int]:
    """The numbers of columns and rows of panels for this many keys."""
    columns = min(3, keys)
    return columns, math.ceil(keys / columns)


def _parameters(figure: "Figure", results: SweepResults) -> None:
    """One panel per key: each trial's UAR over the key's value, with its runs and their standard deviation."""
    space = results.plan.space
    columns, rows = _panel_grid(len(space))
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    best = results.complete[0]
    means = np.array([trial.values[0] for trial in results.complete])
    errors = np.array([uar_std(trial) or 0.0 for trial in results.complete])
    for axes, (key, one) in zip(panels, space.items(), strict=False):
        x = _values(results, key, one)
        _set_x_axis(axes, one)
        for value, trial in zip(x, results.complete, strict=True):
            scores = [run["uar"] for run in trial.user_attrs.get("runs") or [] if "uar" in run]
            if len(scores) > 1:
                axes.plot([value] * len(scores), scores, ".", color=GREY, markersize=7)
        order = np.argsort(x)
        joined = "-" if len(space) == 1 and not (isinstance(one, Choice) and one.numbers is None) else ""
        axes.errorbar(
            x[order], means[order], yerr=errors[order] if errors.any() else None, fmt=f"o{joined}", color=BLUE,
            markersize=5, linewidth=1.2, capsize=3,
        )  # fmt: skip
        axes.plot(x[0], best.values[0], "o", color=ORANGE, markersize=8, zorder=3)
        axes.set_xlabel(key)
    for axes in panels[len(space) :]:
        axes.set_visible(False)
    for axes in panels[: len(space) : columns]:
        axes.set_ylabel("validation UAR")
    runs = len(results.plan.run_overrides)
    legend = f"\nmean ± standard deviation of {runs} runs (grey)" if runs > 1 else ""
    title = f"{results.plan.experiment.name}: best {best.values[0]:.3f} in trial {best.number} (orange){legend}"
    figure.suptitle(title, fontsize=10)


def _parallel(figure: "Figure", results: SweepResults) -> None:
    """Parallel coordinates: one line per trial, darker for a higher UAR; the best trial is orange."""
    axes = figure.subplots()
    columns, ticks = [], []
    for key, one in results.plan.space.items():
        positions, labels = _positions(results, key, one)
        columns.append(positions)
        ticks.append(labels)
    scores = np.array([trial.values[0] for trial in results.complete])
    low, high = scores.min(), scores.max()
    height = (scores - low) / (high - low) if high > low else np.full(len(scores), 0.5)
    columns.append(height)
    ticks.append([(0.0, f"{low:.3f}"), (1.0, f"{high:.3f}")] if high > low else [(0.5, f"{low:.3f}")])
    for index in range(len(scores) - 1, -1, -1):
        best = index == 0
        axes.plot(
            [column[index] for column in columns], color=ORANGE if best else BLUE,
            alpha=1.0 if best else 0.3 + 0.7 * height[index], linewidth=2.4 if best else 1.2,
        )  # fmt: skip
    for x, labels in enumerate(ticks):
        axes.axvline(x, color=style.INK, linewidth=0.8)
        for y, label in labels:
            axes.annotate(
                label, (x, y), xytext=(4, 0), textcoords="offset points", fontsize=8, va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5},
            )  # fmt: skip
    axes.set_xticks(range(len(ticks)), [*results.plan.space, "validation UAR"])
    axes.set(xlim=(-0.1, len(ticks) - 0.7), ylim=(-0.06, 1.06), yticks=[])
    axes.spines[:].set_visible(False)
    title = f"{len(scores)} trials of {results.plan.experiment.name}; orange: trial {results.complete[0].number}"
    axes.set_title(title)


def _pareto(figure: "Figure", results: SweepResults) -> None:
    """The two objectives of each trial, and the Pareto front."""
    axes = figure.subplots()
    points = {trial.number: (trial.values[1] / 1000, trial.values[0]) for trial in results.complete}
    others = [point for number, point in points.items() if number not in results.front]
    x, y, numbers = zip(*sorted((*points[number], number) for number in results.front), strict=True)
    if others:
        axes.plot(*zip(*others, strict=True), "o", color=GREY, label="other trials")
    axes.plot(x, y, "o-", color=ORANGE, drawstyle="steps-post", label="Pareto front")
    for size, uar, number in zip(x, y, numbers, strict=True):
        axes.annotate(str(number), (size, uar), xytext=(5, 5), textcoords="offset points", fontsize=8)
    label = {"size": "int8 file (KB)", "arena": "tensor arena of the int8 file (KB)"}
    title = f"{results.plan.experiment.name}: {len(points)} trials; Pareto front with trial numbers"
    axes.set(xlabel=label[results.plan.sweep.objectives[1]], ylabel="validation UAR", title=title)
    axes.legend()
    axes.margins(0.08)


def _ends(one: Range | Choice) -> tuple[float, float]:
    """The minimum and the maximum of a key."""
    return (one.low, one.high) if isinstance(one, Range) else (min(one.numbers or (0,)), max(one.numbers or (0,)))


def _logarithmic(one: Range | Choice) -> bool:
    low, high = _ends(one)
    return low > 0 and high / low >= (MIN_LOG_RATIO if isinstance(one, Range) and one.log else LOG_RATIO)


def _values(results: SweepResults, key: str, one: Range | Choice) -> Float[np.ndarray, " trials"]:
    """Each complete trial's value of a key; the index of the value in a list of non-numbers."""
    texts = [dict(trial_overrides(results.plan, trial))[key] for trial in results.complete]
    if isinstance(one, Choice) and one.numbers is None:
        return np.array([one.values.index(text) for text in texts], float)
    return np.array([float(text) for text in texts])


def _set_x_axis(axes: "Axes", one: Range | Choice) -> None:
    if _logarithmic(one):
        _log(axes, *_ends(one))
    if isinstance(one, Choice) and one.numbers is None:
        rotation, ha = (20, "right") if max(map(len, one.values)) > 8 else (0, "center")
        axes.set_xticks(range(len(one.values)), one.values, rotation=rotation, ha=ha)
        axes.set_xlim(-0.5, len(one.values) - 0.5)


def _log(axes: "Axes", low: float, high: float) -> None:
    """Make an axis from `low` to `high` logarithmic; tick labels have the command line's number format."""
    margin = (high / low) ** 0.05
    axes.set_xscale("log", subs=[2, 5])
    axes.set_xlim(low / margin, high * margin)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}" if high / low < LOG_RATIO else "")


def _positions(
    results: SweepResults, key: str, one: Range | Choice
) -> tuple[Float[np.ndarray, " trials"], list[tuple[float, str]]]:
    """A key's values scaled to 0 to 1 over its whole range, and its tick labels."""
    if isinstance(one, Range):
        marks = {one.low: shorten(one.text(one.low)), one.high: shorten(one.text(one.high))}
    else:
        numbers = one.numbers or tuple(map(float, range(len(one.values))))
        marks = dict(zip(numbers, map(shorten, one.values), strict=True))
    scale = np.log if _logarithmic(one) else np.asarray
    low, high = scale(min(marks)), scale(max(marks))
    return (scale(_values(results, key, one)) - low) / (high - low), [
        (float((scale(mark) - low) / (high - low)), label) for mark, label in marks.items()
    ]
