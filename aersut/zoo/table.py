"""The models of the zoo as text: for --list, and as the table of docs/zoo.md."""

from collections.abc import Sequence

from aersut.zoo.catalog import ZooModel, names, read


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


def zoo_table() -> str:
    """A table in Markdown with a row per model."""
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


def _with_interval(uar: float, interval: Sequence[float] | None) -> str:
    return f"{uar:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")


def _uar(model: ZooModel) -> str:
    return ", ".join(f"{uar:.3f} ({corpus})" for corpus, uar in model.uar_by_corpus.items())


def _kilobytes(size: int) -> str:
    return f"{size / 1000:,.0f} KB"
