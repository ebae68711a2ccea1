"""The models of the zoo as text: for --list, and as the tables of docs/zoo.md."""

from collections.abc import Sequence
from typing import Any

from aersut.paths import read_json
from aersut.zoo.catalog import METRICS, ZOO, ZooModel, names, read

GAINS = (*(f"gain {db:+} dB" for db in (-24, -12, 12, 24)), "peak normalization")
DROPS = {
    "largest with gains up to ±24 dB and peak normalization": GAINS,
    "recorded noise 20, 10 dB SNR": ("recorded noise 20 dB SNR", "recorded noise 10 dB SNR"),
    "telephone band": ("band 300 to 3400 Hz",),
    "measured impulse responses": ("measured impulse responses",),
}
"""Column of the first table → titles of the stress conditions whose UAR drops it has, of `GAINS` the largest."""


def zoo_list() -> str:
    """A paragraph per model for the terminal."""
    lines = ["zoo: trained models, for --model=NAME; UAR and stress mean of the int8 file on unseen speakers"]
    for model in map(read, names()):
        lines += [
            f"  {model.name:28}int8 file {_kilobytes(model.bytes)}, tensor arena {_kilobytes(model.arena)}",
            f"  {'':28}UAR {model.uar:.3f}: {_uar(model)}; stress mean {model.stress_mean:.3f}",
            f"  {'':28}{model.notice}",
        ]
    return "\n".join(lines)


def zoo_tables() -> str:
    """Two tables in Markdown: a row per model, and all results of each model in a column."""
    return f"{overview()}\n\n{_results()}"


def overview() -> str:
    """A table in Markdown with a row per model."""
    heads = ("model", "int8 file", "tensor arena", "UAR", "UAR by corpus (95 % interval)", "stress mean")
    rows = [
        f"| {' | '.join((*heads, *(f'UAR drop, {name}' for name in DROPS)))} |",
        "|" + "---|" * (len(heads) + len(DROPS)),
    ]
    for model in map(read, names()):
        drops = _drops(_metrics(model.name))
        cells = (
            f"`{model.name}`",
            _kilobytes(model.bytes),
            _kilobytes(model.arena),
            f"{model.uar:.3f}",
            "<br>".join(
                f"{name} {_with_interval(uar, model.uar_interval_by_corpus.get(name))}"
                for name, uar in model.uar_by_corpus.items()
            ),
            f"{model.stress_mean:.3f}",
            *(_listed([drops[title] for title in titles], titles is GAINS) for titles in DROPS.values()),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _results() -> str:
    found = {name: _metrics(name) for name in names()}
    columns = [_cells(result) for result in found.values()]
    rows = [f"| {title} | {' | '.join(column[title] for column in columns)} |" for title in columns[0]]
    head = f"| | {' | '.join(f'`{name}`' for name in found)} |"
    return "\n".join([head, "|" + "---|" * (1 + len(found)), *rows])


def _cells(result: dict[str, Any]) -> dict[str, str]:
    """The results of a model as text, by the titles of the rows."""
    recall = {
        f"recall (precision) of {emotion}": f"{one['recall']:.3f} ({one['precision']:.3f})"
        for emotion, one in result["classes"].items()
    }
    sex = {f"UAR, {sex} speakers": f"{one['uar']:.3f}" for sex, one in sorted(result["groups"]["sex"].items())}
    drops = {f"UAR drop, {title}": f"{drop:z.1f}" for title, drop in _drops(result).items()}
    return {"ECE": f"{result['ece']:.3f}", **recall, **sex, **drops}


def _metrics(name: str) -> dict[str, Any]:
    """The results of the int8 file of a model."""
    return read_json(ZOO / name / METRICS) or {}


def _drops(result: dict[str, Any]) -> dict[str, float]:
    """The UAR drop of each stress condition in percentage points."""
    return {one["title"]: 100 * one["uar_drop"] for one in result["stress"]["conditions"]}


def _listed(drops: Sequence[float], largest: bool) -> str:
    return ", ".join(f"{drop:z.1f}" for drop in ([max(drops)] if largest else drops))


def _with_interval(uar: float, interval: Sequence[float] | None) -> str:
    return f"{uar:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")


def _uar(model: ZooModel) -> str:
    return ", ".join(f"{uar:.3f} ({corpus})" for corpus, uar in model.uar_by_corpus.items())


def _kilobytes(size: int) -> str:
    return f"{size / 1000:,.0f} KB"
