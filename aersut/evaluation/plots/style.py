"""How every picture looks: colours that colour-blind readers tell apart, in print too, and vector graphics beside PNG.

The colours are Okabe and Ito's, the scale of images is cividis. Ink is one colour that nothing else has, so that the
report can let it follow the page's, which may be dark.
"""

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aersut.errors import UserError
from aersut.paths import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#1b1f24"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
COLOURS = ("#888888", "#56b4e9", "#e69f00", BLUE, ORANGE, "#cc79a7", GREEN, "#f0e442")
MARKERS = ("o", "s", "^", "v", "D", "P", "X", "*")
IMAGES = "cividis"
DPI = 160
RC: dict[str, Any] = {
    "font.size": 10.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "legend.frameon": False,
    "image.cmap": IMAGES,
    "image.interpolation": "nearest",
    "svg.fonttype": "none",  # text stays text: it can be searched, and read aloud
    "text.parse_math": False,  # a speaker may be called $1$
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}


def available() -> bool:
    """Whether the library that draws is installed."""
    return find_spec("matplotlib") is not None


def draw(path: Path, size: tuple[float, float], paint: Callable[..., None], *what: Any) -> None:
    """Write what `paint(figure, *what)` paints on `size` inches as `path` with .svg (transparent) and .png (on white).

    Raises:
        UserError: matplotlib is not installed.
    """
    for suffix, content in render(path.name, size, paint, *what).items():
        write_bytes(path.with_name(f"{path.name}.{suffix}"), content)


def render(name: str, size: tuple[float, float], paint: Callable[..., None], *what: Any) -> dict[str, bytes]:
    """The picture as {"svg": …, "png": …}; the same figure gives the same bytes.

    Args:
        name: what the ids inside the vector graphic begin with, so that several fit into one page.
    """
    if not available():
        raise UserError("pictures need matplotlib: pip install 'aersut[report]'.")
    import matplotlib
    from matplotlib.figure import Figure

    rc: Any = {**RC, "svg.hashsalt": name}
    with matplotlib.rc_context(rc), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # of a name; the page's own font has it
        figure = Figure(figsize=size, layout="constrained")
        paint(figure, *what)
        vector, picture = BytesIO(), BytesIO()
        figure.savefig(vector, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        figure.set_layout_engine("none")  # once is enough
        figure.savefig(picture, format="png", dpi=DPI, facecolor="white")
    return {"svg": vector.getvalue(), "png": picture.getvalue()}


def contrast(axes: "Axes", x: float, y: float, text: str, dark: bool, size: float = 8) -> None:
    """Write into a cell of an image, in white on what is dark and in black on what is not, in every mode."""
    axes.text(x, y, text, ha="center", va="center", fontsize=size, color="white" if dark else "black")
