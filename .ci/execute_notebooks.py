"""Execute the tutorial notebooks and write their outputs into them.

    python .ci/execute_notebooks.py [NOTEBOOKS]

To be run after a change of a notebook, or of what its outputs show; `tests/test_tutorials.py` executes them, too. Each
runs in an empty folder with an empty cache. Paths of this machine are removed from the outputs.
"""

import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))
SECONDS = 600
"""Time limit of a cell."""


def execute(path: Path, folder: Path, changes: Mapping[str, str] | None = None) -> Any:
    """The notebook `path` with new outputs, executed in `folder` by this Python; an exception if a cell fails.

    Args:
        changes: texts that occur once in its code, with what replaces them.
    """
    notebook = nbformat.read(path, as_version=4)
    for before, after in (changes or {}).items():
        [cell] = [cell for cell in notebook.cells if before in cell.source]
        cell.source = cell.source.replace(before, after)
    work = folder / "work"
    work.mkdir()
    environment = {
        "AERSUT_CACHE": str(folder / "cache"),
        "IPYTHONDIR": str(folder / "ipython"),  # not the user's profile
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "default",  # a warning is an output
    }
    client = NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(work)}},
        coalesce_streams=True, record_timing=False,
    )  # fmt: skip
    # this Python, whatever kernel the user has installed under that name
    client.create_kernel_manager().kernel_spec.argv[0] = sys.executable
    client.execute(env={**os.environ, **environment})
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata = {}
            cell.outputs = [cleaned for output in cell.outputs if (cleaned := _cleaned(output, folder))]
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "aersut": {"executed": sources_digest(notebook)},
    }
    return notebook


def sources_digest(notebook: Any) -> str:
    """The digest of the code; the metadata have that of the code that was executed."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(code).encode()).hexdigest()[:16]


def _cleaned(output: Any, folder: Path) -> Any:
    """An output without paths of this machine; None for a progress bar that was removed."""
    if output.output_type == "stream":
        output.text = _without_paths(re.sub(r"^ *\r", "", output.text, flags=re.MULTILINE), folder)
        return output if output.text.strip() else None
    for kind, content in output.get("data", {}).items():
        if kind.startswith("text/"):
            output.data[kind] = _without_paths(content, folder)
    return output


def _without_paths(text: str, folder: Path) -> str:
    for path, name in ((folder / "cache", "~/.cache/aersut"), (folder / "work", "."), (ROOT, "...")):
        text = text.replace(str(path), name)
    return text


def main() -> None:
    for path in map(Path, sys.argv[1:]) if sys.argv[1:] else NOTEBOOKS:
        with tempfile.TemporaryDirectory() as folder:
            notebook = execute(path, Path(folder).resolve())
        nbformat.write(notebook, path)
        print(f"{path}: {path.stat().st_size / 1000:,.0f} KB")


if __name__ == "__main__":
    main()
