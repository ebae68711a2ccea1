"""A figure that notebooks show without pyplot."""

from io import BytesIO

from matplotlib.figure import Figure

from aersut.report.plots.style import DPI


class InlineFigure(Figure):
    """A matplotlib figure that is shown as the last value of a notebook's cell.

    IPython shows plain figures only after pyplot was imported, which would also show this one a second time.
    """

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """The PNG file, and the size in pixels at which a notebook shows it: half of its own, for dense screens.

        It has 256 colours, which halves its size, since notebooks keep it.
        """
        from PIL import Image

        drawn, png = BytesIO(), BytesIO()
        self.savefig(drawn, format="png", dpi=DPI)
        Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(png, "png", optimize=True)
        width, height = (round(inches * DPI / 2) for inches in self.get_size_inches())
        return png.getvalue(), {"width": width, "height": height}
