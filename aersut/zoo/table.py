"""The models of the zoo as text: for --list, and as the tables of docs/zoo.md."""

from collections.abc import Sequence
from typing import Any

from aersut.paths import read_json
from aersut.zoo.catalog import METRICS, ZOO, ZooModel, names, read


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
    return f"{_models()}\n\n{_results()}"


def _models() -> str:
    rows = [
        "| model | int8 file | tensor arena | UAR (95 % interval) | UAR by corpus | stress mean |",
        "|---|---|---|---|---|---|",
    ]
    for model in map(read, names()):
        cells = (
            f"`{model.name}`",
            _kilobytes(model.bytes),
            _kilobytes(model.arena),
            _with_interval(model.uar, model.uar_interval),
            "<br>".join(
                f"{name} {_with_interval(uar, model.uar_interval_by_corpus.get(name))}"
                for name, uar in model.uar_by_corpus.items()
            ),
            f"{model.stress_mean:.3f}",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _results() -> str:
    found = {name: read_json(ZOO / name / METRICS) or {} for name in names()}
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
    drops = {f"UAR drop, {one['title']}": f"{100 * one['uar_drop']:z.1f}" for one in result["stress"]["conditions"]}
    return {"ECE": f"{result['ece']:.3f}", **recall, **sex, **drops}


def _with_interval(uar: float, interval: Sequence[float] | None) -> str:
    return f"{uar:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")


def _uar(model: ZooModel) -> str:
    return ", ".join(f"{uar:.3f} ({corpus})" for corpus, uar in model.uar_by_corpus.items())


def _kilobytes(size: int) -> str:
    return f"{size / 1000:,.0f} KB"
