"""What differs in a notebook: the stream of notices, and results as HTML."""

import base64
import html
import sys
from collections.abc import Mapping
from typing import TextIO


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook (Jupyter, Colab, VS Code)."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython and hasattr(ipython, "get_ipython") else None
    return hasattr(shell, "kernel")


def notices() -> TextIO:
    """The stream for notices: standard error; in a notebook, which shows that as an error, standard output."""
    return sys.stdout if in_notebook() else sys.stderr


def html_result(text: str, pictures: Mapping[str, bytes] | None = None) -> str:
    """A text table as HTML, and PNG pictures by their titles, shown at half of their size in pixels."""
    style = "white-space: pre-wrap; font: 0.85em/1.3 monospace"
    rows = [f'<pre style="{style}">{html.escape(text)}</pre>']
    for title, png in (pictures or {}).items():
        width = int.from_bytes(png[16:20]) // 2
        source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
        rows.append(f'<img style="display: inline-block" width="{width}" alt="{title}" src="{source}">')
    return "\n".join(rows)
