"""Style of all plots, and their output as SVG and PNG.

The colours are those of Okabe and Ito and the colour map of images is cividis: colour-blind readers can distinguish
them, in print too. INK is used for text and axes only, so that the report can replace it by the text colour of the
page, which may be dark.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aersut.errors import require
from aersut.paths import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from aersut.report.plots.inline import InlineFigure

INK = "#1b1f24"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
COLOURS = ("#888888", "#56b4e9", "#e69f00", BLUE, ORANGE, "#cc79a7", GREEN, "#f0e442")
MARKERS = ("o", "s", "^", "v", "D", "P", "X", "*")
IMAGES = "cividis"
DPI = 160
COMPRESSION = 1
"""zlib level of PNG files."""
RC: dict[str, Any] = {
    "font.size": 10.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.titley": 1.0,  # else each drawing looks for tick labels above the axes, which no plot has
    "legend.frameon": False,
    "image.cmap": IMAGES,
    "image.interpolation": "nearest",
    "svg.fonttype": "none",  # text remains text, which can be searched and read by a screen reader
    "text.parse_math": False,  # the name of a speaker may be $1$
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}


def matplotlib_installed() -> bool:
    """Whether plots can be drawn."""
    return find_spec("matplotlib") is not None


def write_plot(path: Path, size: tuple[float, float], paint: Callable[..., None], *args: Any) -> None:
    """Draw a plot by `paint(figure, *args)` and write it as `path`.svg (transparent) and `path`.png (on white).

    Args:
        size: width and height in inches.
    """
    write_series({path: args}, size, paint)


def write_series(plots: Mapping[Path, Sequence[Any]], size: tuple[float, float], paint: Callable[..., None]) -> None:
    """Write plots of one kind like `write_plot`, which differ in the arguments of `paint` only.

    They share a figure, since creating axes and ticks takes a third of the time. `paint` gets it with the axes of the
    previous plot and replaces what differs. The first plot computes the layout, if there is one.
    """
    figure: Figure | None = None
    for path, args in plots.items():
        with _style(path.name):
            figure = figure or _figure(size)
            contents = _draw(figure, paint, args)
        for suffix, content in contents.items():
            write_bytes(path.with_name(f"{path.name}.{suffix}"), content)


def render(name: str, size: tuple[float, float], paint: Callable[..., None], *args: Any) -> dict[str, bytes]:
    """Draw a plot as {"svg": …, "png": …}; the same input gives the same bytes.

    Args:
        name: salt of the ids inside the SVG, so that one page can hold several plots.
    """
    with _style(name):
        return _draw(_figure(size), paint, args)


def draw_figure(size: tuple[float, float], paint: Callable[..., None], *args: Any) -> "InlineFigure":
    """Draw a plot as a figure, which a notebook shows and `savefig` writes."""
    with _style("figure"):
        from aersut.report.plots.inline import InlineFigure

        figure = InlineFigure(figsize=size, layout="constrained", facecolor="white")
        paint(figure, *args)
    return figure


@contextlib.contextmanager
def _style(name: str) -> Iterator[None]:
    """The style of all plots in the block; `name` is the salt of the ids inside an SVG."""
    require("plots need", "report", "matplotlib")
    import matplotlib

    rc: Any = {**RC, "svg.hashsalt": name}
    with matplotlib.rc_context(rc), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # missing in the font; the font of the page has it
        yield


def _figure(size: tuple[float, float]) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def _draw(figure: "Figure", paint: Callable[..., None], args: Sequence[Any]) -> dict[str, bytes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    paint(figure, *args)
    svg, png, dpi = BytesIO(), BytesIO(), figure.dpi
    # the canvases' own functions: `savefig` draws each plot once more, without an output
    with _transparent(figure):
        FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    figure.set_layout_engine("none")  # the layout is computed already
    figure.set(dpi=DPI, facecolor="white")
    # a third more bytes than the default level, which takes a tenth of the time of a plot
    FigureCanvasAgg(figure).print_png(png, pil_kwargs={"compress_level": COMPRESSION})  # type: ignore[no-untyped-call]
    figure.set(dpi=dpi)
    return {"svg": svg.getvalue(), "png": png.getvalue()}


@contextlib.contextmanager
def _transparent(figure: "Figure") -> Iterator[None]:
    """Hide the backgrounds of a figure and its axes in the block."""
    patches = [figure.patch, *(axes.patch for axes in figure.axes)]
    colours = [(patch.get_facecolor(), patch.get_edgecolor()) for patch in patches]
    for patch in patches:
        patch.set(facecolor="none", edgecolor="none")
    yield
    for patch, (face, edge) in zip(patches, colours, strict=True):
        patch.set(facecolor=face, edgecolor=edge)
