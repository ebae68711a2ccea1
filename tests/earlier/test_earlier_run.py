"""A run folder of revision 301546a is evaluated, exported, reported, compared, resumed and used for prediction."""

import json
import shutil
from pathlib import Path

import pytest

from tests.earlier.corpus import write_corpus

RUN = Path(__file__).parent / "run"


@pytest.fixture
def run(tmp_path, monkeypatch) -> str:
    """A copy of the run beside the corpus that it was trained on."""
    monkeypatch.chdir(tmp_path)
    Path("corpus").mkdir()
    write_corpus(Path("corpus"))
    shutil.copytree(RUN, "earlier")
    return "earlier"


def test_it_is_evaluated_with_the_same_result(run, launch):
    before = json.loads((RUN / "evaluation" / "metrics.json").read_text())
    assert launch("--mode=evaluate", f"--workdir={run}").status == 0
    after = json.loads(Path(run, "evaluation", "metrics.json").read_text())
    assert after["confusion"] == before["confusion"]
    for metric in ("wa", "uar", "macro_f1", "kappa", "roc_auc", "ece"):
        assert after[metric] == pytest.approx(before[metric], abs=1e-4), metric


def test_it_is_exported(run, launch):
    outcome = launch("--mode=export", f"--workdir={run}")
    assert outcome.status == 0, outcome.err
    assert "model_int8.tflite" in outcome.out


def test_what_it_holds_is_reported_and_compared_as_it_is(run, launch):
    assert launch("--mode=report", f"--workdir={run}").status == 0
    page = Path(run, "report.html").read_text()
    assert "0.500" in page  # its UAR, from a metrics.json in the spelling of then
    assert "model_int8.tflite" in page
    assert "not evaluated" not in page
    compared = launch("--mode=compare", f"--workdir={run}", "--json")
    [row] = json.loads(compared.out)
    assert row["uar"] == 0.5
    assert row["notes"] == []
    assert launch("--mode=report", f"--workdir={run},{run}").status == 0
    assert "0.500" in Path("comparison.html").read_text()


def test_its_training_goes_on(run, launch):
    outcome = launch("--mode=train", f"--workdir={run}")
    assert outcome.status == 0, outcome.err
    assert "3 epochs" in outcome.out


def test_its_exported_model_and_its_checkpoint_predict_alike(run, launch):
    emotions = []
    for model in (f"{run}/export/model_int8.tflite", run):
        outcome = launch("--mode=predict", f"--model={model}", "--json", "corpus/0-neutral-0.wav")
        assert outcome.status == 0, outcome.err
        emotions.append(json.loads(outcome.out)["emotion"])
    assert emotions[0] == emotions[1]
