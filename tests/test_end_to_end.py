"""One command runs end to end: training, evaluation, report and export."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from absl.testing import flagsaver

from aersut import cli
from aersut.augment import Noise
from aersut.commands import end_to_end
from aersut.config import Data, Experiment
from aersut.corpora import Synthetic
from aersut.models.cost import cost
from aersut.registry import CORPORA, TARGETS
from aersut.run import make_frontend
from aersut.run_folder import Run
from tests.file_times import file_times

ROOT = Path(__file__).parents[1]


class TestOneCommand:
    def test_leaves_a_complete_run_folder(self, finished: Run):
        config = json.loads(finished.config.read_text())
        assert config["model"] == {"name": "cnn", "filters": [8, 8], "kernels": [3, 3], "dense": 16, "dropout": 0.5}
        split = json.loads(finished.split.read_text())
        assert len(split["clips"]) == 80
        records = [json.loads(line) for line in finished.records.read_text().splitlines()]
        assert [record["epoch"] for record in records] == [1, 2, 3]
        assert {"train_loss", "validation_loss", "validation_uar"} <= set(records[0])
        metrics = json.loads(finished.evaluation.read_text())
        assert metrics["protocol"] == "speaker"
        assert metrics["leaks"] is False
        assert metrics["synthetic"] is True
        assert metrics["clips"] == 16  # 1 of 5 speakers of each sex, one clip of each emotion
        assert 0 <= metrics["uar"] <= 1
        assert metrics["wa"] == np.trace(metrics["confusion"]) / 16
        assert (finished.checkpoints / str(metrics["epoch"])).is_dir()
        assert "SYNTHETIC" not in finished.report.read_text()
        assert "Synthetic speech" in finished.report.read_text()

    def test_the_same_command_says_that_the_run_is_finished_and_changes_nothing(self, launch, tiny, finished: Run):
        before = file_times(finished.folder)
        outcome = launch(f"--experiment={tiny}", f"--workdir={finished.folder}")
        assert outcome.status == 0
        assert "finished" in outcome.out
        assert file_times(finished.folder) == before
        *_, last = outcome.out.splitlines()
        int8 = finished.export / "model_int8.tflite"
        assert last.startswith(f"int8 model  {int8}: classify a recording with ")
        assert last.endswith(f" --mode=predict --model={int8} FILE.wav")

    def test_a_dry_run_says_what_the_training_would_do_and_leaves_nothing(self, launch, tiny, finished: Run, tmp_path):
        folder = tmp_path / "runs" / "dry"
        outcome = launch(f"--experiment={tiny}", f"--workdir={folder}", "--dry-run")
        assert outcome.status == 0, outcome.err
        assert list(tmp_path.iterdir()) == []
        configuration, _, rest = outcome.out.partition("\n\n")
        assert f"run folder {folder} (new)" in rest
        assert json.loads(configuration) == json.loads(finished.config.read_text())
        split = json.loads(finished.split.read_text())
        assert f"8 classes: {', '.join(split['emotions'])}\n" in rest
        for name in ("train", "validation", "test"):
            count = sum(clip["splits"][0] == name for clip in split["clips"])
            assert re.search(rf"clips: .*\b{count} {name}\b", rest)
        records = [json.loads(line) for line in finished.records.read_text().splitlines()]
        assert f"{len(records)} epochs of {records[0]['step']} steps with" in rest
        assert f": {records[-1]['step']} steps" in rest
        parameters, macs = re.search(r"model cnn: ([\d,]+) parameters, ([\d,]+) multiply-accumulates", rest).groups()
        found = cost(finished.experiment.model, *make_frontend(finished.experiment).shape, 8)
        assert (parameters, macs) == (f"{found.parameters:,}", f"{found.macs:,}")
        stored = sum(path.stat().st_size for path in finished.checkpoints.rglob("*") if path.is_file())
        assert 0.5 * stored < 1000 * int(re.search(r"checkpoints (\d+) KB", rest)[1]) < 2.5 * stored
        begun = launch(f"--workdir={finished.folder}", "--mode=train", "--dry-run")
        assert "(epoch 3 is done)" in begun.out
        another = launch(f"--experiment={tiny}", f"--workdir={finished.folder}", "--dry-run", "--experiment.seed=7")
        assert (another.status, "contains a run of another experiment" in another.err) == (2, True)
        refused = launch(f"--experiment={tiny}", f"--workdir={folder}", "--dry-run", "--experiment.batch_size=1000")
        assert (refused.status, list(tmp_path.iterdir())) == (2, [])
        assert "experiment.batch_size: 1000 is more than the" in refused.err

    def test_makes_anew_what_an_interruption_has_left_of_an_earlier_epoch(self, launch, tiny, own_run: Run):
        arguments = (f"--experiment={tiny}", f"--workdir={own_run.folder}")
        others = (own_run.records, own_run.export / "export.json")
        before = [path.stat().st_mtime_ns for path in others]
        own_run.evaluation.write_text('{"epoch": 99}')  # evaluated before the training resumed
        outcome = launch(*arguments)
        assert outcome.status == 0
        assert json.loads(own_run.evaluation.read_text())["clips"] == 16
        own_run.report.unlink()  # interrupted before the report
        outcome = launch(*arguments)
        assert own_run.report.exists()
        assert "predicted" not in outcome.out  # only the report is written again
        own_run.evaluation.write_text('{"epoch": ')  # damaged
        assert launch(*arguments).status == 0
        assert json.loads(own_run.evaluation.read_text())["clips"] == 16
        assert [path.stat().st_mtime_ns for path in others] == before

    def test_finds_its_own_folder_again_by_default(self, launch, tiny, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        arguments = (f"--experiment={tiny}", "--mode=train", "--experiment.epochs=1")
        assert launch(*arguments).status == 0
        assert "training is complete" in launch(*arguments).out
        assert launch(*arguments, "--experiment.seed=1").status == 0
        assert len(list((tmp_path / "runs" / "tiny").iterdir())) == 2

    def test_goes_again_from_its_config_alone(self, launch, finished: Run, tmp_path):
        outcome = launch(f"--experiment={finished.config}", f"--workdir={tmp_path / 'again'}", "--mode=train")
        assert outcome.status == 0
        again = (tmp_path / "again" / "metrics.jsonl").read_text().splitlines()
        for line, other in zip(again, finished.records.read_text().splitlines(), strict=True):
            a, b = json.loads(line), json.loads(other)
            del a["clips_per_second"], b["clips_per_second"]
            assert a == b

    def test_prints_no_bar_where_there_is_no_terminal(self, launch, tiny, tmp_path):
        outcome = launch(f"--experiment={tiny}", f"--workdir={tmp_path / 'r'}", "--mode=train", "--experiment.epochs=1")
        assert "epoch 1/1: loss" in outcome.out
        assert "%" not in outcome.err
        assert "\r" not in outcome.err


class TestEvaluateElsewhere:
    def test_lies_beside_the_runs_own_evaluation(self, launch, finished: Run, tmp_path):
        Synthetic(speakers=2, repetitions=1, seed=7).write(tmp_path, "ravdess")
        before = finished.evaluation.read_text()
        outcome = launch(
            "--mode=evaluate",
            f"--workdir={finished.folder}",
            f"--evaluate.root={tmp_path}",
            "--evaluate.corpora=ravdess",
        )
        assert outcome.status == 0
        assert "16 clips" in outcome.out
        assert finished.evaluation.read_text() == before
        (path,) = finished.evaluation.parent.glob("ravdess-*/metrics.json")
        metrics = json.loads(path.read_text())
        assert (metrics["clips"], metrics["leaks"], metrics["speaker_independent"]) == (16, False, True)

    def test_says_that_it_leaks_on_the_clips_that_the_run_was_trained_on(self, launch, finished: Run):
        outcome = launch("--mode=evaluate", f"--workdir={finished.folder}", "--evaluate.root=nowhere")
        assert outcome.status == 0
        assert "LEAKS" in outcome.out


@pytest.fixture
def classifier_only(monkeypatch):
    """Exports have no firmware and no page, which take most of their time."""
    monkeypatch.setattr(TARGETS, "_plugins", {"classifier": TARGETS["classifier"]})


class TestStressInAnEndToEndRun:
    def test_is_the_default_for_real_speech(self, launch, tiny, tmp_path, classifier_only):
        Synthetic(speakers=8, repetitions=1).write(tmp_path, "ravdess")  # a corpus on disk counts as real speech
        folder = tmp_path / "run"
        command = [f"--experiment={tiny}", f"--workdir={folder}", f"--experiment.data.root={tmp_path}"]
        command += ["--experiment.data.corpora=ravdess", "--experiment.epochs=1"]
        results = [folder / "evaluation/metrics.json", folder / "export/export.json"]
        outcome = launch(*command)
        assert outcome.status == 0, outcome.err
        of_checkpoint, of_int8 = (json.loads(result.read_text())["stress"] for result in results)
        assert of_checkpoint["evaluated"] == of_int8["model_int8.tflite"]["evaluated"] == 28
        assert f"stress mean {of_checkpoint['mean']:.3f}\n" in outcome.out
        assert "<h3>Reverberation</h3>" in (folder / "report.html").read_text()

        before = file_times(folder)
        assert launch(*command).status == 0
        assert file_times(folder) == before

    @pytest.mark.parametrize(
        ("corpus", "protocol", "stress", "wanted"),
        [
            ("ravdess", "speaker", None, True),
            ("ravdess", "speaker", False, False),
            ("ravdess", "paper", None, False),
            ("synthetic", "speaker", None, False),
            ("synthetic", "speaker", True, True),
        ],
    )
    def test_is_chosen_by_the_flag_and_by_the_kind_of_test_set(self, tmp_path, corpus, protocol, stress, wanted):
        data = Data(corpora=(CORPORA[corpus](),), protocol=protocol)
        run = Run(tmp_path, Experiment(data=data, augment=(Noise(),), augmented_copies=1))
        with flagsaver.flagsaver():
            cli._parse(["launch.py", *({True: ["--stress"], False: ["--nostress"]}.get(stress, []))])
            assert end_to_end._wants_stress(run) is wanted

    def test_needs_recordings(self, launch, tiny, tmp_path):
        outcome = launch(
            f"--experiment={tiny}", f"--workdir={tmp_path / 'run'}", "--experiment.data.protocol=paper", "--stress"
        )
        assert outcome.status == 2
        assert "protocol 'paper' tests on augmented copies" in outcome.err
        assert not (tmp_path / "run/metrics.jsonl").exists()


@pytest.mark.plots
def test_every_output_says_that_the_papers_protocol_leaks(launch, tiny, tmp_path, classifier_only):
    outcome = launch(
        f"--experiment={tiny}",
        f"--workdir={tmp_path / 'paper'}",
        "--experiment.data.protocol=paper",
        "--experiment.epochs=1",
    )
    assert outcome.status == 0
    assert outcome.out.count("LEAKS") >= 3  # before the training, with the evaluation, in the summary
    assert json.loads((tmp_path / "paper/evaluation/metrics.json").read_text())["leaks"] is True
    assert json.loads((tmp_path / "paper/split.json").read_text())["leaks"] is True
    assert json.loads((tmp_path / "paper/export/export.json").read_text())["leaks"] is True
    assert "LEAKS" in (tmp_path / "paper/report.html").read_text()


def test_one_damaged_clip_is_named_and_the_run_goes_on(launch, tiny, tmp_path):
    corpus = Synthetic(speakers=14, repetitions=1).write(tmp_path, "ravdess")
    victim = sorted(corpus.rglob("*.wav"))[5]
    soundfile.write(victim, np.full(100, np.nan), 16_000, subtype="FLOAT")
    outcome = launch(
        f"--experiment={tiny}",
        f"--workdir={tmp_path / 'run'}",
        "--mode=train",
        f"--experiment.data.root={tmp_path}",
        "--experiment.data.corpora=ravdess",
        "--experiment.epochs=1",
    )
    assert outcome.status == 0
    assert "skipped 1 (damaged)" in outcome.out
    assert victim.name in outcome.out
    assert len(json.loads((tmp_path / "run/split.json").read_text())["clips"]) == 111


def test_trains_on_both_corpora_of_the_paper(launch, tmp_path):
    Synthetic(speakers=5, repetitions=1, seed=1).write(tmp_path, "ravdess", sample_rate=48_000)
    Synthetic(speakers=5, repetitions=1, seed=2).write(tmp_path, "cremad", suffix=".flac")
    outcome = launch(
        "--experiment=cnn_lstm_combined",
        f"--workdir={tmp_path / 'run'}",
        "--mode=train",
        f"--experiment.data.root={tmp_path}",
        "--experiment.model.filters=8,8,8",
        "--experiment.model.units=8",
        "--experiment.augment=noise",
        "--experiment.augmented_copies=1",
        "--experiment.epochs=1",
        "--experiment.data.protocol=given",
        "--experiment.data.train_speakers=1,2,3,1001,1002,1003",
        "--experiment.data.validation_speakers=4,cremad:1004",
        "--experiment.data.test_speakers=ravdess:5,1005",
    )
    assert outcome.status == 0, outcome.err
    assert "ravdess: 40 clips of 5 speakers, 8 emotions" in outcome.out
    assert "cremad: 30 clips of 5 speakers, 6 emotions" in outcome.out
    clips = json.loads((tmp_path / "run/split.json").read_text())["clips"]
    assert {clip["speaker"] for clip in clips if "test" in clip["splits"]} == {"5", "1005"}


@pytest.mark.slow  # a real process: what the installed program prints, warnings of native libraries included
def test_the_paper_experiment_on_real_speech_without_stress(real_data, tmp_path):
    corpus = CORPORA["ravdess"]().load(real_data)
    for clip in corpus.clips:
        # one repetition of one sentence
        if int(clip.speaker) < 6 and clip.path.stem.split("-")[4:6] == ["01", "01"]:
            link = tmp_path / "ravdess" / f"Actor_{int(clip.speaker):02}" / clip.path.name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(clip.path)
    command = [sys.executable, "launch.py", "--experiment=cnn_lstm_combined", f"--workdir={tmp_path / 'run'}"]
    command += [f"--experiment.data.root={tmp_path}", "--experiment.data.corpora=ravdess", "--experiment.epochs=1"]
    command += ["--nostress"]  # a minute for each model; it is tested above
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=dict(os.environ), timeout=600)
    assert done.returncode == 0, done.stderr
    assert "ravdess: 75 clips of 5 speakers, 8 emotions" in done.stdout
    assert "stress mean" not in done.stdout
    assert "Traceback" not in done.stderr
    for name in ("config.json", "split.json", "metrics.jsonl", "evaluation/metrics.json", "report.html"):
        assert (tmp_path / "run" / name).is_file()
    export = tmp_path / "run" / "export"
    assert (export / "model_float32.tflite").stat().st_size > 1_000_000
    results = [tmp_path / "run/evaluation/metrics.json", export / "export.json"]
    assert not any("stress" in json.loads(result.read_text()) for result in results)
