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
    outcome = launch("--mode=export", f"--workdir={run}", "--export.targets=classifier")
    assert outcome.status == 0, outcome.err
    assert "model_int8.tflite" in outcome.out


def test_what_it_holds_is_reported_and_compared_as_it_is(run, launch):
    assert launch("--mode=report", f"--workdir={run}").status == 0
    page = Path(run, "report.html").read_text()
    assert "0.500" in page
    assert "100.0%" in page  # the agreement of the exported models, which export.json had under another key
    assert "not evaluated" not in page
    compared = launch("--mode=compare", f"--workdir={run}", "--json")
    [row] = json.loads(compared.out)
    assert row["uar"] == 0.5
    assert row["notes"] == []
    assert launch("--mode=report", f"--workdir={run},{run}").status == 0
    assert "0.500" in Path("comparison.html").read_text()


def test_its_training_goes_on(run, launch):
    config = Path(run, "config.json")
    config.write_text(json.dumps({**json.loads(config.read_text()), "epochs": 5}))
    outcome = launch("--mode=train", f"--workdir={run}")
    assert outcome.status == 0, outcome.err
    lines, earlier = (Path(folder, "metrics.jsonl").read_text().splitlines() for folder in (run, RUN))
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4, 5]
    assert lines[:3] == earlier  # not trained anew
    assert "resum" in outcome.out + outcome.err


def test_its_exported_model_and_its_checkpoint_predict_alike(run, launch):
    emotions = []
    for model in (f"{run}/export/model_int8.tflite", run):
        outcome = launch("--mode=predict", f"--model={model}", "--json", "corpus/0-neutral-0.wav")
        assert outcome.status == 0, outcome.err
        emotions.append(json.loads(outcome.out)["emotion"])
    assert emotions[0] == emotions[1]
