"""The report of a run: one HTML file that says what was done, on what, and what came of it. Fetches nothing.

The learning curves lie beside it as a picture, too.
"""

import io
import json
from typing import Any

from aersut.config import to_tree
from aersut.errors import UserError
from aersut.paths import write_bytes, write_text
from aersut.run import Run
from aersut.training import records


def write_report(run: Run) -> str:
    """Write `report.html` and `curves.png` into the run folder; return the former's path.

    What the run has not made yet is left out.

    Raises:
        UserError: the libraries that draw it are not installed.
    """
    try:
        import jinja2
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UserError(f"the report needs {error.name}: pip install 'aersut[report]'.") from None
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("aersut.evaluation", "templates"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    epochs = records.read(run.records)
    svg, png = _curves(epochs) if epochs else ("", b"")
    page = environment.get_template("report.html").render(
        name=run.experiment.name,
        folder=run.folder,
        synthetic=run.synthetic,
        evaluation=_read(run.evaluation),
        export=_read(run.export / "export.json"),
        curves=svg,
        epochs=len(epochs),
        configuration=_flat(to_tree(run.experiment)),
    )
    if png:
        write_bytes(run.curves, png)
    write_text(run.report, page)
    return str(run.report)


def _read(path: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _flat(tree: Any, at: str = "") -> list[tuple[str, str]]:
    """Every leaf of the configuration with its dotted key, as the command line takes it."""
    if isinstance(tree, dict):
        return [line for key, value in tree.items() for line in _flat(value, f"{at}.{key}" if at else key)]
    if isinstance(tree, list) and any(isinstance(item, dict) for item in tree):
        return [line for index, value in enumerate(tree) for line in _flat(value, f"{at}.{index}")]
    return [(at, ", ".join(map(str, tree)) if isinstance(tree, list) else str(tree))]


def _curves(epochs: list[dict[str, Any]]) -> tuple[str, bytes]:
    """Loss and UAR over the epochs as SVG and PNG; colours of Okabe and Ito, lines told apart by dashes too."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.fonttype"] = "none"
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    loss, uar = figure.subplots(1, 2)
    x = [record["epoch"] for record in epochs]
    loss.plot(x, [record["train_loss"] for record in epochs], color="#0072B2", label="training")
    loss.plot(x, [record["validation_loss"] for record in epochs], color="#D55E00", linestyle="--", label="validation")
    loss.set(xlabel="epoch", ylabel="loss (nats)")
    loss.legend(frameon=False)
    values = [record["validation_uar"] for record in epochs]
    best = max(range(len(values)), key=lambda index: (values[index], index))
    uar.plot(x, values, color="#D55E00", linestyle="--")
    uar.plot(x[best], values[best], "o", color="#D55E00")
    uar.set(xlabel="epoch", ylabel="validation UAR", ylim=(0, 1))
    uar.set_title(f"best: {values[best]:.3f} in epoch {x[best]}", fontsize=10)
    for axes in (loss, uar):
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)  # there is no half an epoch
    text, picture = io.StringIO(), io.BytesIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    figure.savefig(picture, format="png", dpi=120)
    svg = text.getvalue()
    return svg[svg.index("<svg") :], picture.getvalue()
