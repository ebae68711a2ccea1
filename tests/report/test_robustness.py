"""The report's section on robustness, from the stress results of the checkpoint, of exported models and elsewhere."""

import html
import json
import re
import shutil

import pytest

from aersut.report.plots.stress import SIZE, paint_stress, stress_curves
from aersut.report.plots.style import render
from aersut.report.run_report import write_report
from tests.evaluation.made_stress import made_stress


def edit(path, **entries):
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def section(run):
    write_report(run)
    text = run.report.read_text()
    return text[text.index('<h2 id="robustness">') : text.index('<h2 id="importance">')]


def test_without_stress_results_the_command_is_named(own_run):
    text = section(own_run)
    assert "--mode=evaluate --stress" in text
    assert "<svg" not in text


def test_the_checkpoint_has_a_headline_a_table_and_two_plots(own_run):
    stress = made_stress()
    edit(own_run.evaluation, stress=stress)
    text = section(own_run)
    assert f"<b>{stress['mean']:.3f}</b>stress mean, checkpoint" in text
    assert "UAR without a condition 0.600; 15 of 16 conditions" in text
    assert "mean UAR over the 16 conditions of the standard set <code>aersut-1</code>" in text
    assert "checkpoint: standard conditions were skipped" in text
    rows = {row.split("</td>")[0]: row for row in text.split('<tr><td class="name">')}
    assert '<td>0.350</td><td>25.0</td><td class="name">21.0 to 29.0</td>' in rows["band 300 to 3400 Hz"]
    assert "skipped: this libsndfile has no Opus" in rows["Opus 8 kbit/s"]
    assert {"recorded noise 20 dB SNR *", "impulse responses *"} <= rows.keys()
    assert "&lt;b&gt;rir" in text
    assert re.findall("<h3>(.*?)</h3>", text) == ["Level", "Noise", "Bandwidth", "Tempo and position in the window",
                                                  "Codecs", "Reverberation"]  # fmt: skip
    assert text.count("<svg") == 2
    for name in ("stress-snr-db", "stress-gain-db"):
        assert (own_run.plots / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_warning_of_a_condition_is_shown(own_run):
    stress = made_stress()
    stress["conditions"][-1]["warning"] = "the training was augmented with recordings in x"
    edit(own_run.evaluation, stress=stress)
    title = stress["conditions"][-1]["title"]
    assert f"{html.escape(title)}: the training was augmented with recordings in x</p>" in section(own_run)


def test_exported_models_stand_beside_the_checkpoint(own_run):
    evaluation = json.loads(own_run.evaluation.read_text())
    edit(own_run.evaluation, stress=made_stress(0.6))
    folder = own_run.evaluation.parent / "model_float16"
    folder.mkdir()
    other = evaluation | {"model": "x/model_float16.tflite", "stress": made_stress(0.59)}
    (folder / "metrics.json").write_text(json.dumps(other))
    exported = {"model_int8.tflite": made_stress(0.58), "model_float16.tflite": made_stress(0.1)}
    edit(own_run.export / "export.json", stress=exported)
    text = section(own_run)
    assert re.findall(r"stress mean, (\S+)<br><small>UAR without a condition ([\d.]+);", text) == [
        ("checkpoint", "0.600"),
        ("model_float16.tflite", "0.590"),  # of --mode=evaluate, not of the export
        ("model_int8.tflite", "0.580"),
    ]
    row = next(row for row in text.split('<tr><td class="name">') if row.startswith("tempo 0.85"))
    assert re.findall(r"<td>(0\.\d+)</td>", row) == ["0.580", "0.570", "0.560"]
    assert text.count("<svg") == 2
    assert "model_int8.tflite</text>" in text.replace("\n", "")


def test_results_of_another_epoch_are_omitted_and_those_of_other_corpora_are_separate(own_run):
    evaluation = json.loads(own_run.evaluation.read_text())
    epoch = evaluation["epoch"]
    edit(own_run.evaluation, stress=made_stress(0.6))
    edit(own_run.export / "export.json", epoch=epoch + 1, stress={"model_int8.tflite": made_stress(0.58)})
    folder = own_run.evaluation.parent / "emodb-0123456789"
    folder.mkdir()
    external = evaluation | {"protocol": "external", "stress": made_stress(0.3)}
    (folder / "metrics.json").write_text(json.dumps(external))
    text = section(own_run)
    assert "model_int8.tflite" not in text
    row = next(row for row in text.split("<tr>") if row.startswith('<td class="name">emodb-0123456789'))
    assert "<td>0.300</td>" in row
    assert "<td>15 of 16</td>" in row
    shutil.rmtree(own_run.export)
    edit(own_run.evaluation, stress=None)
    assert "On other corpora" in section(own_run)


def test_curves_are_sorted_and_the_gain_curve_has_the_unchanged_recording():
    curves = stress_curves(made_stress())
    assert list(curves) == ["gain (dB)", "SNR (dB)"]
    assert dict(curves["gain (dB)"][""]) == pytest.approx({-24: 0.36, -12: 0.48, 0: 0.6, 12: 0.48, 24: 0.36})
    assert [x for x, _ in curves["gain (dB)"][""]] == [-24, -12, 0, 12, 24]
    assert list(curves["SNR (dB)"]) == ["white noise", "pink noise", "recorded noise"]
    assert dict(curves["SNR (dB)"]["white noise"]) == pytest.approx({0: 0.35, 5: 0.4, 10: 0.45, 20: 0.5})


@pytest.mark.parametrize("axis", ["gain (dB)", "SNR (dB)"])
def test_each_curve_and_each_model_has_its_look(axis):
    models = {"checkpoint": made_stress(0.6), "model_int8.tflite": made_stress(0.58)}
    figures = []
    render("x", SIZE, lambda figure: (paint_stress(figure, models, axis), figures.append(figure)))
    lines = figures[0].axes[0].get_lines()
    looks = [(line.get_color(), line.get_linestyle()) for line in lines]
    assert len(set(looks)) == len(looks) == {"gain (dB)": 3, "SNR (dB)": 7}[axis]
