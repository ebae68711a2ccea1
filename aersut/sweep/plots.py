"""Pictures of a sweep and of a learning-rate range test."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from aersut.evaluation.plots import style
from aersut.evaluation.plots.style import BLUE, ORANGE
from aersut.paths import write_bytes
from aersut.sweep.lr_range import RangeTest
from aersut.sweep.results import Results, spread
from aersut.sweep.space import Choice, Range, short
from aersut.sweep.trial import overrides_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = style.COLOURS[0]
DECADES = 30.0
"""Numbers further apart than this factor are drawn on a logarithmic axis."""
NARROW = 5.0
"""A logarithmic range of a smaller factor looks linear, and has no round numbers to write."""


def draw(found: Results) -> list[Path]:
    """Draw what there is to see, as .svg and .png into the sweep's folder: return the paths of the latter."""
    if not found.done:
        return []
    keys, folder = len(found.plan.space), found.plan.folder
    columns, lines = _panels(keys)
    pictures = {"parameters": ((max(6.0, 3.6 * columns), 3.8 * lines), _parameters)}
    if keys > 1:
        pictures["parallel"] = ((max(7.0, 2.2 * (keys + 1) + 0.8), 4.4), _parallel)
    if len(found.plan.sweep.objectives) > 1:
        pictures["pareto"] = ((6.5, 4.2), _pareto)
    for name, (size, paint) in pictures.items():
        style.draw(folder / name, size, paint, found)
    return [folder / f"{name}.png" for name in pictures]


def draw_range(test: RangeTest, title: str, output: Path) -> None:
    """Draw a learning-rate range test as .png: the loss of each step, smoothed, over its rate, and what is suggested.

    Raises:
        UserError: matplotlib is not installed.
    """
    write_bytes(output, style.render("lr_range", (7.0, 4.0), _range, test, title)["png"])


def _range(figure: "Figure", test: RangeTest, title: str) -> None:
    axes = figure.subplots()
    axes.plot(test.rates, test.losses, ".", color=GREY, markersize=3, label="each step")
    axes.plot(test.rates, test.smooth, color=BLUE, label="smoothed")
    low, high = test.suggested
    axes.axvspan(low, high, color=ORANGE, alpha=0.15, label=f"suggested: {low:.1e} to {high:.1e}")
    begin = test.losses[: max(1, len(test.losses) // 4)]  # what follows the best rate may be any number
    _log(axes, test.rates[0], test.rates[-1])
    axes.set(xlabel="learning rate", ylabel="training loss (nats)", title=title)
    axes.set_ylim(test.losses.min() * 0.9, begin.max() * 1.1)
    axes.legend(loc="lower left", fontsize=8)


def _panels(keys: int) -> tuple[int, int]:
    """Columns and lines of the panels of so many keys."""
    columns = min(3, keys)
    return columns, math.ceil(keys / columns)


def _parameters(figure: "Figure", found: Results) -> None:
    """A panel for each key: what each trial reached over it, its runs, and their spread."""
    space = found.plan.space
    columns, lines = _panels(len(space))
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
    for axes, (key, one) in zip(panels, space.items(), strict=False):
        x = _places(found, key, one, axes)
        means = np.array([trial.values[0] for trial in found.done])
        for place, trial in zip(x, found.done, strict=True):
            scores = [run["uar"] for run in trial.user_attrs.get("runs") or [] if "uar" in run]
            if len(scores) > 1:
                axes.plot([place] * len(scores), scores, ".", color=GREY, markersize=7)
        errors = np.array([spread(trial) or 0.0 for trial in found.done])
        order = np.argsort(x)
        joined = "-" if len(space) == 1 and not _categorical(one) else ""
        axes.errorbar(
            x[order], means[order], yerr=errors[order] if errors.any() else None, fmt=f"o{joined}", color=BLUE,
            markersize=5, linewidth=1.2, capsize=3,
        )  # fmt: skip
        best = found.done[0]
        axes.plot(x[0], best.values[0], "o", color=ORANGE, markersize=8, zorder=3)
        axes.set_xlabel(key)
    for axes in panels[len(space) :]:
        axes.set_visible(False)
    for place in range(0, len(space), columns):
        panels[place].set_ylabel("validation UAR")
    best = found.done[0]
    runs = len(found.plan.runs)
    spreads = f"\nmean ± deviation of {runs} runs, which are the grey dots" if runs > 1 else ""
    title = f"{found.plan.experiment.name}: best {best.values[0]:.3f} in trial {best.number} (orange){spreads}"
    figure.suptitle(title, fontsize=10)


def _parallel(figure: "Figure", found: Results) -> None:
    """Each trial a line through its values, from poor (light) to good (dark), the best orange."""
    space = found.plan.space
    axes = figure.subplots()
    names = [*space, "validation UAR"]
    columns, ticks = [], []
    for key, one in space.items():
        values, labels = _positions(found, key, one)
        columns.append(values)
        ticks.append(labels)
    scores = np.array([trial.values[0] for trial in found.done])
    low, high = scores.min(), scores.max()
    height = (scores - low) / (high - low) if high > low else np.full(len(scores), 0.5)
    columns.append(height)
    ends = [(0.0, f"{low:.3f}"), (1.0, f"{high:.3f}")] if high > low else [(0.5, f"{low:.3f}")]
    ticks.append(ends)
    for place in range(len(found.done) - 1, -1, -1):
        line = [column[place] for column in columns]
        best = place == 0
        shade = 1.0 if best else 0.3 + 0.7 * height[place]
        axes.plot(line, color=ORANGE if best else BLUE, alpha=shade, linewidth=2.4 if best else 1.2)
    for place, labels in enumerate(ticks):
        axes.axvline(place, color=style.INK, linewidth=0.8)
        for y, label in labels:
            axes.annotate(
                label, (place, y), xytext=(4, 0), textcoords="offset points", fontsize=8, va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5},
            )  # fmt: skip
    axes.set_xticks(range(len(names)), names)
    axes.set(xlim=(-0.1, len(names) - 0.7), ylim=(-0.06, 1.06), yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_title(f"{len(found.done)} trials of {found.plan.experiment.name}; orange: trial {found.done[0].number}")


def _pareto(figure: "Figure", found: Results) -> None:
    """The two objectives of each trial, and the front."""
    name = found.plan.sweep.objectives[1]
    axes = figure.subplots()
    points = {trial.number: (trial.values[1] / 1000, trial.values[0]) for trial in found.done}
    rest = [point for number, point in points.items() if number not in found.front]
    front = sorted((points[number], number) for number in found.front)
    if rest:
        axes.plot(*zip(*rest, strict=True), "o", color=GREY, label="other trials")
    axes.plot(
        *zip(*(point for point, _ in front), strict=True),
        "o-",
        color=ORANGE,
        drawstyle="steps-post",
        label="Pareto front",
    )
    for point, number in front:
        axes.annotate(str(number), point, xytext=(5, 5), textcoords="offset points", fontsize=8)
    what = {"size": "int8 file (KB)", "arena": "arena of the int8 file (KB)"}[name]
    title = f"{found.plan.experiment.name}: {len(found.done)} trials, the front's by number"
    axes.set(xlabel=what, ylabel="validation UAR", title=title)
    axes.legend()
    axes.margins(0.08)


def _categorical(one: Range | Choice) -> bool:
    return isinstance(one, Choice) and one.numbers is None


def _ends(one: Range | Choice) -> tuple[float, float]:
    """The least and the greatest number of a key."""
    return (one.low, one.high) if isinstance(one, Range) else (min(one.numbers or (0,)), max(one.numbers or (0,)))


def _logarithmic(one: Range | Choice) -> bool:
    low, high = _ends(one)
    return low > 0 and high / low >= (NARROW if isinstance(one, Range) and one.log else DECADES)


def _values(found: Results, key: str, one: Range | Choice) -> Float[np.ndarray, " trials"]:
    """Each finished trial's value of a key, or the place of a choice that is no number."""
    texts = [dict(overrides_of(found.plan, trial))[key] for trial in found.done]
    if isinstance(one, Choice) and one.numbers is None:
        return np.array([one.values.index(text) for text in texts], float)
    return np.array([float(text) for text in texts])


def _places(found: Results, key: str, one: Range | Choice, axes: "Axes") -> Float[np.ndarray, " trials"]:
    """The same, with the axis prepared for it."""
    values = _values(found, key, one)
    if _logarithmic(one):
        _log(axes, *_ends(one))
    if isinstance(one, Choice) and one.numbers is None:
        long = max(map(len, one.values)) > 8
        axes.set_xticks(
            range(len(one.values)), one.values, rotation=20 if long else 0, ha="right" if long else "center"
        )
        axes.set_xlim(-0.5, len(one.values) - 0.5)
    return values


def _log(axes: "Axes", low: float, high: float) -> None:
    """Make an axis from `low` to `high` logarithmic; its numbers are written as on the command line."""
    margin = (high / low) ** 0.05
    axes.set_xscale("log", subs=[2, 5])
    axes.set_xlim(low / margin, high * margin)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}" if high / low < DECADES else "")


def _positions(
    found: Results, key: str, one: Range | Choice
) -> tuple[Float[np.ndarray, " trials"], list[tuple[float, str]]]:
    """A key's values from 0 to 1 over its whole range, and labels to put beside them."""
    values = _values(found, key, one)
    if isinstance(one, Range):
        marks = {one.low: short(one.text(one.low)), one.high: short(one.text(one.high))}
    else:
        numbers = one.numbers or tuple(map(float, range(len(one.values))))
        marks = dict(zip(numbers, map(short, one.values), strict=True))
    scale = np.log if _logarithmic(one) else np.asarray
    low, high = scale(min(marks)), scale(max(marks))
    return (scale(values) - low) / (high - low), [
        (float((scale(mark) - low) / (high - low)), label) for mark, label in marks.items()
    ]
