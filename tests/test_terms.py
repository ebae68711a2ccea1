"""The check of terms finds each refused word, in text and in identifiers, and this repository has none."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("check_terms", ROOT / ".ci" / "check_terms.py")
assert spec
assert spec.loader
check_terms = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_terms)


@pytest.mark.parametrize(
    ("line", "term"),
    [
        ("def judgeFile(path):", "evaluate"),
        ("heard_as: str", "predicted"),
        ('"""Networks that hear emotion in a voice."""', "predicted"),
        ("what it listens to", "feature importance"),
        ("figures = metrics(counts)", "metric"),
        ("class TrainFigures:", "metric"),
        ("<th>spoken</th>", "true"),
        ("the clips that it is surest of", "confidence"),
        ("teacher and pupil", "student"),
        ("UAR on the test part", "test set"),
        ("left_out: tuple[Path, ...]", "skipped"),
        ("An emotion-network", "classifier"),
        ("the share of clips", "fraction"),
        ("unheard speakers", "unseen"),
        ("is none of a, b", "is not one of"),
        ("a file that was exported", "exported model"),
        ("every so-manieth epoch", "n-th"),
        ("begins like JSON but is none", "valid JSON"),
        ("a window without a voice", "VAD"),
    ],
)
def test_a_refused_word_is_found_with_the_term_to_use(line, term):
    [problem, *_] = check_terms.problems("aersut/some.py", line)
    assert problem.startswith("aersut/some.py:1: ")
    assert term in problem


def test_a_notebook_is_checked_without_its_outputs():
    cells = [{"source": ["# Networks\n", "that hear"], "outputs": []}, {"source": "x = 1", "outputs": ["judge"]}]
    text = check_terms.cells(json.dumps({"cells": cells}))
    assert [problem.split(": ")[0] for problem in check_terms.problems("a.ipynb", text)] == ["a.ipynb:2"]


@pytest.mark.parametrize(
    "line",
    [
        'element.addEventListener("click", start)',
        "Two runs share a store; speakers are shared.",
        "import matplotlib.figure  # terms: ok",
        "the training set, the validation set and the test set",
        "a parity check of the insured",
    ],
)
def test_other_uses_are_not(line):
    assert list(check_terms.problems("aersut/some.py", line)) == []


def test_figure_is_matplotlibs_where_plots_are_drawn():
    assert list(check_terms.problems("aersut/report/plots/curves.py", "axes = figure.subplots()")) == []
    assert list(check_terms.problems("aersut/report/plots/judge.py", "")) != []  # a file's name counts


def test_this_repository_has_none():
    done = subprocess.run([sys.executable, ".ci/check_terms.py"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout
