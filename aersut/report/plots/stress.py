"""Plots of stress results: UAR over the SNR of noise, and over gain."""

from typing import TYPE_CHECKING, Any

from aersut.report.plots.style import BLUE, COLOURS, GREEN, INK, MARKERS, ORANGE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = (4.6, 3.8)
GAIN = "gain (dB)"
DASHES = ("-", "--", "-.", ":")
Points = list[tuple[float, float]]


def stress_curves(stress: dict[str, Any]) -> dict[str, dict[str, Points]]:
    """The curves of a stress evaluation by the label of their horizontal axis, then by name: (x, UAR) in ascending x.

    The curve "white noise, SNR (dB)" has the axis "SNR (dB)" and the name "white noise". The recording itself is the
    point at 0 dB of gain. Skipped conditions are omitted.
    """
    curves: dict[str, dict[str, Points]] = {}
    for one in stress["conditions"]:
        if one["curve"] and one["uar"] is not None:
            name, _, axis = one["curve"].rpartition(", ")
            curves.setdefault(axis, {}).setdefault(name, []).append((one["x"], one["uar"]))
    if GAIN in curves:
        for points in curves[GAIN].values():
            points.append((0.0, stress["clean"]))
    return {axis: {name: sorted(points) for name, points in named.items()} for axis, named in curves.items()}


def paint_stress(figure: "Figure", models: dict[str, dict[str, Any]], axis: str) -> None:
    """The curves of one axis: a colour for each curve, a line style for each of `models` (its "stress" results)."""
    from matplotlib.lines import Line2D

    found = {model: stress_curves(stress).get(axis, {}) for model, stress in models.items()}
    names = list(dict.fromkeys(name for curves in found.values() for name in curves))
    axes = figure.subplots()
    looks: dict[str, Any] = {
        name: {"color": (BLUE, ORANGE, GREEN, *COLOURS)[index % 11], "marker": MARKERS[index % len(MARKERS)]}
        for index, name in enumerate(names)
    }
    dashes: dict[str, Any] = dict(zip(models, DASHES * len(models), strict=False))
    for model, curves in found.items():
        for name, points in curves.items():
            x, y = zip(*points, strict=True)
            axes.plot(x, y, linestyle=dashes[model], markersize=4, **looks[name])
    first, stress = next(iter(models.items()))
    clean: dict[str, Any] = {"color": INK, "linewidth": 0.8, "linestyle": ":"}
    axes.axhline(stress["clean"], **clean)
    legend = [Line2D([], [], label=name, **looks[name]) for name in names if name]
    legend.append(Line2D([], [], label="no condition" if len(models) == 1 else f"no condition ({first})", **clean))
    if len(models) > 1:
        legend += [Line2D([], [], color=INK, linestyle=dashes[model], label=model) for model in models]
    axes.set(xlabel=axis, ylabel="UAR", ylim=(0, 1))
    axes.set_xticks(sorted({x for curves in found.values() for points in curves.values() for x, _ in points}))
    figure.legend(handles=legend, loc="outside upper center", ncols=2, fontsize=8)
