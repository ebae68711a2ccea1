"""What differs in a notebook, in the kernel of one."""

import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from aersut import notebook

BAR = "from aersut.progress import stage\nwith stage('clips', 3) as shown: list(shown.count(range(3)))"
LEFT = "left = stage('clips', 2)\nshown = left.__enter__()\nshown.update(), shown.tick(); None"
NOTICE = "from aersut import notebook\nprint('licence', file=notebook.notices())"
REFUSED = "import aersut\n\naersut.load_experiment('quickstrat')"
PREDICTION = "from aersut.serving.prediction import Prediction\nPrediction(0, 1.5, {'<sad>': 0.75, 'calm': 0.25})"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The outputs of each of these cells."""
    cells = [nbformat.v4.new_code_cell(source) for source in (BAR, LEFT, NOTICE, REFUSED, PREDICTION)]
    made = nbformat.v4.new_notebook(cells=cells)
    folder = str(tmp_path_factory.mktemp("notebook"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", folder)
        patch.setenv("PYTHONPATH", ":".join(sys.path))
        client = NotebookClient(made, timeout=300, allow_errors=True, coalesce_streams=True)
        client.create_kernel_manager().kernel_spec.argv[0] = sys.executable
        client.execute()
    return [cell.outputs for cell in made.cells]


def test_a_progress_bar_is_no_error_output_and_is_removed_at_the_end(outputs):
    assert "".join(output.text for output in outputs[0]).strip() == ""
    [shown] = outputs[1]
    assert shown.name == "stdout"
    assert "clips:  50%" in shown.text


def test_a_notice_is_no_error_output(outputs):
    assert [(output.name, output.text) for output in outputs[2]] == [("stdout", "licence\n")]


def test_a_mistake_of_the_user_is_shown_with_its_line_and_without_a_traceback(outputs):
    [error] = outputs[3]
    assert error.ename == "UserError"
    line, message = error.traceback
    assert line == "line 3: aersut.load_experiment('quickstrat')"
    assert message.startswith("UserError: unknown experiment 'quickstrat'. Did you mean 'quickstart'")


def test_a_prediction_is_a_bar_for_each_emotion(outputs):
    [shown] = outputs[4]
    text = shown.data["text/html"]
    assert "<b>&lt;sad&gt;</b>, 0.0 to 1.5 s" in text
    assert text.count("width: 150px") == text.count("width: 50px") == 1


def test_elsewhere_notices_are_on_standard_error():
    assert not notebook.in_notebook()
    assert notebook.notices() is sys.stderr


def test_ipython_in_a_terminal_is_no_notebook(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    code = "from aersut.notebook import in_notebook; print('notebook:', in_notebook())"
    done = subprocess.run([sys.executable, "-m", "IPython", "-c", code], capture_output=True, text=True, check=True)
    assert "notebook: False" in done.stdout
