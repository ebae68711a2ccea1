"""The models of the zoo as text: for --list, and as the table of docs/zoo.md."""

from aersut.zoo.catalog import ZooModel, names, read


def zoo_list() -> str:
    """A paragraph per model for the terminal."""
    lines = ["zoo: trained models, for --model=NAME; UAR and stress mean of the int8 file on unseen speakers"]
    for model in map(read, names()):
        lines += [
            f"  {model.name:28}int8 file {_kilobytes(model.bytes)}, tensor arena {_kilobytes(model.arena)}",
            f"  {'':28}UAR {_uar(model)}; stress mean {model.stress_mean:.3f}",
            f"  {'':28}{model.notice}",
        ]
    return "\n".join(lines)


def zoo_table() -> str:
    """A table in Markdown with a row per model."""
    rows = ["| model | int8 file | tensor arena | UAR | stress mean | trained on |", "|---|---|---|---|---|---|"]
    for model in map(read, names()):
        corpora = ", ".join(f"{name} ({licence or 'synthetic'})" for name, licence in model.licences.items())
        cells = (
            f"`{model.name}`",
            _kilobytes(model.bytes),
            _kilobytes(model.arena),
            _uar(model),
            f"{model.stress_mean:.3f}",
            corpora,
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _uar(model: ZooModel) -> str:
    return ", ".join(f"{uar:.3f} ({corpus})" for corpus, uar in model.uar_by_corpus.items())


def _kilobytes(size: int) -> str:
    return f"{size / 1000:,.0f} KB"
