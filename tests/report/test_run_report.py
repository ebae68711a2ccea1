"""The report shows the results of a run, lists missing ones, and fetches nothing."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from aersut.models import CNN
from aersut.report.page import svg_figure
from aersut.report.plots import embedding, style
from aersut.report.run_report import write_report
from aersut.run_folder import Run, RunFolder

SCRIPT = "<script>alert(1)</script>"


def test_it_has_all_results_of_a_finished_run(finished):
    text = finished.report.read_text()
    result = json.loads(finished.evaluation.read_text())
    for words in (
        *("Confusion matrix", "Reliability", "penultimate layer", "By sex", "By speaker, lowest UAR first"),
        *(
            "Most confident misclassifications",
            "augmented copies",
            "model_float32.tflite",
            "tensor arena (KB)",
            "A clip of each emotion",
        ),
        *("optimizer.learning_rate", "--experiment=", "config.json --workdir=NEW", f"{result['uar']:.3f}", "95 %"),
        *("Loss and validation UAR", "Clips of each emotion", "Python 3", "Synthetic speech"),
    ):
        assert words in text, words
    assert text.count("<svg") == 3 + 2 + 8 + 2  # metrics, embeddings, clips, curves and corpora


def test_files_without_the_experiment_have_the_same_report(own_run):
    pages = []
    evaluation, config = (json.loads(path.read_text()) for path in (own_run.evaluation, own_run.config))
    shutil.rmtree(own_run.export)  # so that the page depends on whether the model is exportable
    for run in (own_run, RunFolder(own_run.folder)):
        write_report(run)
        pages.append(run.report.read_text())
    del evaluation["exportable"], config["precision"]  # as in runs of earlier versions
    own_run.evaluation.write_text(json.dumps(evaluation))
    own_run.config.write_text(json.dumps(config))
    write_report(RunFolder(own_run.folder))
    assert pages == [own_run.report.read_text()] * 2


def test_the_report_of_an_evaluated_run_needs_neither_jax_nor_its_plugins(own_run):
    config = json.loads(own_run.config.read_text())
    own_run.config.write_text(json.dumps(config | {"plugins": ["gone.py"]}))
    code = f"import sys; sys.argv = ['launch.py', '--mode=report', '--workdir={own_run.folder}']\n"
    code += "from aersut.cli import main\ntry: main()\nfinally: print('jax' in sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr.split()[-1]) == (0, "False")
    assert "gone.py" in own_run.report.read_text()


def test_it_is_one_file_that_fetches_nothing(finished):
    text = finished.report.read_text()
    addresses = set(re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')\s>]+)', text))
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert "@import" not in text
    assert finished.report.stat().st_size < 5_000_000


def test_the_results_of_a_run_in_progress_are_shown(own_run):
    lines = own_run.records.read_text().splitlines()
    own_run.records.write_text("\n".join(lines[:2]) + "\n" + lines[2][:10])  # the third is being written
    for gone in (own_run.evaluation.parent, own_run.export):
        shutil.rmtree(gone)
    write_report(own_run)
    text = own_run.report.read_text()
    assert "Training is not finished: 2 of 3 epochs" in text
    assert "not evaluated (--mode=evaluate" in text
    assert "not exported (--mode=export" in text
    assert "Loss and validation UAR" in text


def test_a_run_of_a_model_that_cannot_be_exported_is_complete_without_an_export(own_run, launch, monkeypatch):
    monkeypatch.setattr(CNN, "exportable", False)
    shutil.rmtree(own_run.export)
    shutil.rmtree(own_run.evaluation.parent)  # with the evaluations of exported models
    ran = launch(f"--workdir={own_run.folder}")
    assert ran.status == 0, ran.err
    assert "export skipped: model 'cnn' is not exportable" in ran.out
    assert f"report      {own_run.report}" in ran.out
    assert ".tflite" not in ran.out + own_run.report.read_text()
    assert "The model of this run is not exportable" in own_run.report.read_text()
    assert "not exported" not in own_run.report.read_text()
    assert not own_run.export.exists()


@pytest.mark.parametrize(
    ("select", "words"), [("best", "of epoch 2, the best by validation UAR."), ("last", "of epoch 2, the last.")]
)
def test_it_names_the_evaluated_epoch_and_whether_it_is_the_selected_one(own_run, select, words):
    run = replace(own_run, experiment=replace(own_run.experiment, select=select))
    kept = [json.loads(line) for line in run.records.read_text().splitlines()][:2]
    for record, uar in zip(kept, (0.9, 0.1), strict=True):
        record["validation_uar"] = uar
    run.records.write_text("".join(json.dumps(record) + "\n" for record in kept))
    run.evaluation.write_text(json.dumps({**json.loads(run.evaluation.read_text()), "epoch": 2}))
    write_report(run)
    text = run.report.read_text()
    assert words in text
    assert ("the best by validation UAR is epoch 1 now" in text) == (select == "best")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("split.json", "split.json is missing or damaged"),
        ("metrics.jsonl", "0 of 3 epochs"),
        ("sessions.jsonl", "Result on the test set"),
        ("evaluation/metrics.json", "not evaluated"),
        ("evaluation/plots", "plots of the evaluation are missing"),
        ("export/export.json", "not exported"),
    ],
)
@pytest.mark.parametrize("damage", ["gone", "cut short"])
def test_a_missing_result_is_named_and_the_rest_is_shown(own_run, name, words, damage):
    path = own_run.folder / name
    if path.is_dir():
        shutil.rmtree(path)
    elif damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:40])
    write_report(own_run)
    text = own_run.report.read_text()
    assert words in text
    assert "optimizer.learning_rate" in text


def test_an_evaluation_of_an_earlier_version_or_epoch_is_recognized(own_run):
    result = json.loads(own_run.evaluation.read_text())
    own_run.evaluation.write_text(json.dumps(result | {"epoch": 99}))
    write_report(own_run)
    assert "evaluation is of epoch 99" in own_run.report.read_text()
    del result["intervals"]
    own_run.evaluation.write_text(json.dumps(result))
    write_report(own_run)
    assert "evaluated by an earlier version" in own_run.report.read_text()


def test_missing_measurements_are_dashes(own_run):
    empty = dict.fromkeys(("bytes", "arena", "latency_ms", "wa", "uar", "agreement", "difference"))
    full = {
        "bytes": 318_000,
        "arena": 78_100,
        "latency_ms": 4.56,
        "wa": 0.5,
        "uar": 0.4,
        "same": 0.99,  # the key of earlier versions
        "difference": 0.02,
    }
    files = {"nothing.tflite": {}, "null.tflite": empty, "int8.tflite": full}
    (own_run.export / "export.json").write_text(json.dumps({"epoch": 1, "files": files}))
    write_report(own_run)
    rows = {row.split("</td>")[0]: row for row in own_run.report.read_text().split("<tr><td>")}
    assert rows["nothing.tflite"].count("–") == rows["null.tflite"].count("–") == 7
    for cell in ("318", "78.1", "4.56", "0.500", "0.400", "99.0%", "2.0e-02"):
        assert f"<td>{cell}</td>" in rows["int8.tflite"]


def test_names_stay_text(own_run):
    result, split = (json.loads(path.read_text()) for path in (own_run.evaluation, own_run.split))
    result["misclassifications"][0] |= {"path": f"{SCRIPT}.wav", "speaker": SCRIPT}
    result["groups"]["speaker"][SCRIPT] = next(iter(result["groups"]["speaker"].values()))
    result["warning"], result["notes"] = SCRIPT, [SCRIPT]
    for clip in split["clips"]:
        clip["corpus"] = clip["speaker"] = SCRIPT
    own_run.evaluation.write_text(json.dumps(result))
    own_run.split.write_text(json.dumps(split))
    config = json.loads(own_run.config.read_text())
    own_run.config.write_text(json.dumps(config | {"name": "<b>x"}))
    with own_run.sessions.open("a") as file:
        file.write(json.dumps({"command": [SCRIPT], "revision": SCRIPT}) + "\nnot JSON\n")
    write_report(own_run)
    text = own_run.report.read_text()
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.wav" in text
    assert text.count("&lt;script&gt;") > 6


def test_names_in_plots_stay_text_and_are_not_formulas():
    names = [SCRIPT, "$\\frac{$", "名前", "a&b"]
    drawn = style.render(
        "map", embedding.SIZE, embedding.paint_embedding, np.eye(4)[:, :2],
        (0.5, 0.2), names, names,
    )  # fmt: skip
    text = str(svg_figure(drawn["svg"], SCRIPT))
    assert "<script" not in text
    assert "$\\frac{$" in text
    assert "名前" in text


def test_plots_have_the_text_colour_of_the_page():
    drawn = style.render("map", (2, 2), lambda figure: figure.subplots().set_title("title"))
    assert drawn["png"].startswith(b"\x89PNG")
    text = str(svg_figure(drawn["svg"], "caption"))
    assert style.INK not in text
    assert text.count("currentColor") > 5
    assert drawn == style.render("map", (2, 2), lambda figure: figure.subplots().set_title("title"))


def test_epochs_after_the_last_checkpoint_do_not_outdate_an_evaluation(own_run):
    run = Run(own_run.folder, replace(own_run.experiment, select="last"))
    last = max(int(folder.name) for folder in own_run.checkpoints.iterdir())
    result = json.loads(own_run.evaluation.read_text())
    own_run.evaluation.write_text(json.dumps(result | {"epoch": last}))
    record = json.loads(own_run.records.read_text().splitlines()[-1])
    with own_run.records.open("a") as file:
        file.write(json.dumps(record | {"epoch": last + 7}) + "\n")
    write_report(run)
    assert "evaluation is of epoch" not in own_run.report.read_text()
