"""A figure that notebooks show without pyplot."""

from io import BytesIO

from matplotlib.figure import Figure

from aersut.report.plots.style import DPI


class InlineFigure(Figure):
    """A matplotlib figure that is shown as the last value of a notebook's cell.

    IPython shows plain figures only after pyplot was imported, which would also show this one a second time.
    """

    def _repr_png_(self) -> bytes:
        png = BytesIO()
        self.savefig(png, format="png", dpi=DPI / 2)
        return png.getvalue()
