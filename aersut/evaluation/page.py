"""What the pages share: templates with everything escaped, and vector graphics that become part of the page."""

import re
from pathlib import Path
from typing import Any

from aersut.errors import UserError
from aersut.evaluation.plots.style import INK, render
from aersut.evaluation.text import NAMES
from aersut.paths import write_text

IDS = re.compile(r' id="(?:figure|axes|patch|text|line2d|matplotlib\.axis|xtick|ytick|legend|LineCollection)_\d+"')
DASH = "–"


def write_page(path: Path, template: str, **context: Any) -> None:
    """Fill a template of `evaluation/templates/` and write it; values are escaped unless they are `inlined` pictures.

    Raises:
        UserError: the library that does it is not installed.
    """
    try:
        import jinja2
    except ImportError:
        raise UserError("the report needs jinja2: pip install 'aersut[report]'.") from None
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("aersut.evaluation", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "between": between}
    environment.globals["names"] = NAMES
    write_text(path, environment.get_template(template).render(**context))


def inlined(path: Path, caption: str, captioned: bool = True) -> Any:
    """A picture that was drawn to `path` as a figure of the page, with its caption; None where there is none."""
    try:
        return figure(path.read_bytes(), caption, captioned)
    except OSError:
        return None


def painted(name: str, caption: str, size: tuple[float, float], paint: Any, *what: Any) -> Any:
    """`inlined`, of a picture that lies nowhere on disk."""
    return figure(render(name, size, paint, *what)["svg"], caption)


def figure(svg: bytes, caption: str, captioned: bool = True) -> Any:
    """A vector graphic of this package's own as part of a page: its ink is the page's, its width follows the screen's.

    Text in it was escaped when it was drawn.

    Args:
        captioned: whether to print the caption, which is read aloud in any case; not where the picture has a title.
    """
    from markupsafe import Markup, escape

    text = svg.decode("utf-8")
    text = IDS.sub("", text[text.index("<svg") :]).replace(INK, "currentColor")
    opening, rest = text.split(">", 1)
    width = re.search(r' width="([\d.]+)pt"', opening)
    opening = re.sub(r' (?:width|height)="[^"]*"', "", opening)
    # as wide as it was drawn, and no wider, so that all letters on the page are of one size
    style = f' style="max-width: {4 / 3 * float(width[1]):.0f}px"' if width else ""
    label = escape(caption)
    image = f'{opening} role="img" aria-label="{label}"{style}>{rest}'
    below = f"<figcaption>{label}</figcaption>" if captioned else ""
    return Markup(f"<figure>{image}{below}</figure>")


def number(value: Any, form: str = ".3f") -> str:
    """A figure for reading, or a dash where there is none."""
    return DASH if value is None else format(value, form)


def between(interval: Any) -> str:
    """An interval for reading."""
    return DASH if interval is None else f"{interval[0]:.3f} – {interval[1]:.3f}"
