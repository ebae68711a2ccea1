"""The tutorial notebooks run, and their outputs are those of the present cells."""

import importlib.util
import itertools
import json
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("execute_notebooks", ROOT / ".ci" / "execute_notebooks.py")
assert spec
assert spec.loader
execute_notebooks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(execute_notebooks)

NOTEBOOKS = execute_notebooks.NOTEBOOKS
AGAIN = "run python .ci/execute_notebooks.py"
FASTER = {"epochs=12)": 'epochs=3, **{"data.corpora.0.repetitions": 1})'}
"""What the test changes in the code; the committed outputs are those of the longer training."""
LARGEST = 1_000_000
"""Size of a notebook with its outputs, in bytes."""


def kinds(notebook):
    """What each code cell shows: names of streams, and kinds of content."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [[output.get("name") or sorted(output.get("data", {})) for output in cell.outputs] for cell in code]


def test_there_is_one():
    assert [path.name for path in NOTEBOOKS] == ["first_steps.ipynb"]


@pytest.mark.slow  # trains, evaluates under stress conditions, and exports
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_shows_what_its_committed_outputs_show(path, tmp_path):
    executed = execute_notebooks.execute(path, tmp_path, FASTER)
    assert kinds(executed) == kinds(nbformat.read(path, as_version=4)), AGAIN
    assert str(tmp_path) not in json.dumps(executed)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestTheCommittedOutputs:
    def test_are_of_the_present_cells(self, path):
        notebook = nbformat.read(path, as_version=4)
        assert notebook.metadata["aersut"]["executed"] == execute_notebooks.sources_digest(notebook), AGAIN
        counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
        assert counts == [*range(1, len(counts) + 1)]

    def test_are_small_and_have_neither_errors_nor_warnings_nor_paths_of_a_machine(self, path):
        assert path.stat().st_size < LARGEST
        assert "stderr" not in {kind for cell in kinds(nbformat.read(path, as_version=4)) for kind in map(str, cell)}
        text = path.read_text(encoding="utf-8")
        for unwanted in ('"error"', "Warning", str(ROOT), "/tmp/", "/home/", "/root/"):
            assert unwanted not in text

    def test_follow_a_text_of_at_most_four_lines(self, path):
        cells = nbformat.read(path, as_version=4).cells
        for text, code in itertools.pairwise(cells):
            if code.cell_type == "code":
                assert text.cell_type == "markdown"
                assert len(text.source.split("\n\n")[-1].splitlines()) <= 5
