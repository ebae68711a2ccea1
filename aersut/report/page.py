"""HTML pages: templates with escaped values, and plots as inline SVG."""

import re
from pathlib import Path
from typing import Any

from aersut.errors import require
from aersut.evaluation.result_files import METRIC_NAMES
from aersut.evaluation.result_table import format_interval
from aersut.paths import write_text
from aersut.report.plots.style import INK

IDS = re.compile(r' id="(?:figure|axes|patch|text|line2d|matplotlib\.axis|xtick|ytick|legend|LineCollection)_\d+"')
DASH = "–"


def write_page(path: Path, template: str, **context: Any) -> None:
    """Fill a template of `report/templates/` and write it; all values except plots are escaped."""
    require("the report needs", "report", "jinja2")
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("aersut.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": format_number, "interval": format_interval, "points": format_points}
    environment.globals["metric_names"] = METRIC_NAMES
    write_text(path, environment.get_template(template).render(**context))


def embed_file(path: Path, caption: str, captioned: bool = True) -> Any:
    """`svg_figure` of an SVG file; None if there is no file."""
    try:
        return svg_figure(path.read_bytes(), caption, captioned)
    except OSError:
        return None


def svg_figure(svg: bytes, caption: str, captioned: bool = True) -> Any:
    """An SVG of this package as a `<figure>` in the text colour of the page, at most as wide as it was drawn.

    Text in the SVG was escaped when it was drawn.

    Args:
        caption: also the label for screen readers.
        captioned: show the caption; not needed if the plot has a title.
    """
    from markupsafe import Markup, escape

    text = svg.decode("utf-8")
    text = IDS.sub("", text[text.index("<svg") :]).replace(INK, "currentColor")
    opening, rest = text.split(">", 1)
    width = re.search(r' width="([\d.]+)pt"', opening)
    opening = re.sub(r' (?:width|height)="[^"]*"', "", opening)
    # the width that it was drawn for, so that all text on the page has one size
    style = f' style="max-width: {4 / 3 * float(width[1]):.0f}px"' if width else ""
    label = escape(caption)
    image = f'{opening} role="img" aria-label="{label}"{style}>{rest}'
    below = f"<figcaption>{label}</figcaption>" if captioned else ""
    return Markup(f"<figure>{image}{below}</figure>")


def format_number(value: Any, form: str = ".3f") -> str:
    """A number in the format `form`; a dash for None."""
    if value is None:
        return DASH
    return format(value, f"z{form}" if isinstance(value, float) else form)  # z: not -0.000


def format_points(value: Any) -> str:
    """A fraction in percentage points; a dash for None."""
    return DASH if value is None else f"{100 * value:z.1f}"
