"""Stress evaluation: the same predictions as in use, the same format for checkpoints and exported models."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aersut import metrics
from aersut.augment import Background, Room
from aersut.contracts import Condition, SkippedConditionError
from aersut.corpora import Synthetic
from aersut.data.audio import decode, to_int16
from aersut.errors import UserError
from aersut.evaluation import stress_predictions
from aersut.evaluation.evaluate import _earlier_stress
from aersut.evaluation.evaluation_set import own_test_set
from aersut.evaluation.predictor import Exported, open_exported
from aersut.evaluation.stress import stress_report
from aersut.evaluation.stress_table import stress_table
from aersut.paths import write_json
from aersut.registry import CONDITIONS
from aersut.serving.recognizer import load
from aersut.stress import STANDARD, Gain, RecordedNoise, WhiteNoise
from aersut.training.trained import load_trained

RATE = 16_000


@pytest.fixture(scope="module")
def trained(finished):
    return load_trained(finished)


@pytest.fixture(scope="module")
def examples(finished):
    return own_test_set(finished)


@pytest.fixture
def report(trained, examples):
    return lambda *conditions, **options: stress_report(trained, examples.clips, examples.labels, conditions, **options)


def condition(function: Callable[[np.ndarray], np.ndarray], name: str = "example") -> Condition:
    """Register a condition under a name that calls `function`."""

    @CONDITIONS.register(name)
    @dataclass(frozen=True)
    class Example(Condition):
        """A stress condition."""

        title = name

        def __call__(self, rng: np.random.Generator, samples: np.ndarray, sample_rate: int) -> np.ndarray:
            return function(samples)

    return Example()


class TestTheReport:
    def test_clean_recordings_have_the_uar_of_the_evaluation(self, finished, report):
        result = report(Gain(6.0))
        assert result["clean"] == json.loads(finished.evaluation.read_text())["uar"]

    def test_predictions_are_those_of_the_recognizer(self, finished, examples, report):
        recognizer, gain = load(finished.folder), Gain(-12.0)
        quiet = [
            recognizer(to_int16(gain(np.random.default_rng(), decode(clip.path, RATE), RATE)), RATE).emotion
            for clip in examples.clips
        ]
        classes = np.array([recognizer.labels.index(label) for label in quiet])
        [row] = report(gain)["conditions"]
        assert row["uar"] == pytest.approx(metrics.uar(metrics.confusion(examples.labels, classes, 8)))
        assert row["wa"] == pytest.approx(np.mean(classes == examples.labels))

    def test_loss_is_relative_to_the_clean_recordings(self, report):
        silent = condition(np.zeros_like)
        result = report(silent, Gain(0.0))
        lost, kept = result["conditions"]
        assert lost["uar"] == 1 / 8  # the same class for each clip
        assert lost["uar_drop"] == pytest.approx(result["clean"] - 1 / 8)
        assert lost["uar_drop_interval"] is None  # two speakers
        assert (kept["uar_drop"], kept["uar_drop_interval"]) == (0, None)

    def test_the_calibration_error_is_that_of_the_evaluation(self, finished, report):
        evaluated = json.loads(finished.evaluation.read_text())["ece"]
        result = report(Gain(0.0), STANDARD[0], WhiteNoise(5.0))
        assert result["ece_clean"] == pytest.approx(evaluated)
        assert result["conditions"][0]["ece"] == pytest.approx(evaluated)
        assert result["ece_mean"] == pytest.approx(np.mean([row["ece"] for row in result["conditions"][1:]]))

    def test_the_stress_mean_is_over_conditions_of_the_standard_set(self, report):
        own = condition(np.zeros_like)
        result = report(STANDARD[0], WhiteNoise(5.0), own, Gain(1.0))
        assert [row["standard"] for row in result["conditions"]] == [True, True, False, False]
        assert result["mean"] == pytest.approx(np.mean([row["uar"] for row in result["conditions"][:2]]))
        assert (result["set"], result["evaluated"], result["of"]) == ("aersut-1", 2, 28)
        assert report(own)["mean"] is None

    def test_rows_name_their_curve(self, report):
        first, second = report(Gain(6.0), condition(np.zeros_like))["conditions"]
        assert {key: first[key] for key in ("title", "name", "curve", "x", "clips", "skipped")} == {
            "title": "gain +6 dB",
            "name": "gain",
            "curve": "gain (dB)",
            "x": 6.0,
            "clips": 16,
            "skipped": "",
        }
        assert (second["name"], second["curve"], second["x"]) == ("example", "", None)

    def test_depends_neither_on_batches_nor_on_other_conditions(self, report, monkeypatch):
        noise = WhiteNoise(10.0)
        [alone] = report(noise)["conditions"]
        monkeypatch.setattr(stress_predictions, "BATCH", 5)
        assert report(Gain(6.0), noise)["conditions"][1] == alone

    def test_randomness_depends_on_the_clip_the_condition_and_the_seed(self, report):
        drawn: list[float] = []

        @CONDITIONS.register("draw")
        @dataclass(frozen=True)
        class Draw(Condition):
            """A condition that records its first random number."""

            number: int = 0

            @property
            def title(self) -> str:
                return f"draw {self.number}"

            def __call__(self, rng: np.random.Generator, samples: np.ndarray, sample_rate: int) -> np.ndarray:
                drawn.append(float(rng.random()))
                return samples

        report(Draw(0), Draw(1))
        first = list(drawn)
        assert len(set(first)) == 32
        report(Draw(0), Draw(1))
        assert sorted(drawn[32:]) == sorted(first)
        report(Draw(0), seed=1)
        assert set(drawn[64:]).isdisjoint(first)

    def test_one_speaker_has_no_interval(self, trained, examples):
        rows = [row for row, clip in enumerate(examples.clips) if clip.speaker == examples.clips[0].speaker]
        clips = [examples.clips[row] for row in rows]
        [row] = stress_report(trained, clips, examples.labels[rows], (Gain(6.0),))["conditions"]
        assert (row["uar_drop_interval"], row["clips"]) == (None, 8)

    @pytest.mark.parametrize("name", ["model_float32", "waveform_float32"])
    def test_an_exported_model_has_the_results_of_the_checkpoint(self, finished, trained, examples, report, name):
        model = open_exported(finished.export / f"{name}.tflite", trained.frontend)
        conditions = (Gain(-12.0), WhiteNoise(10.0))
        checkpoint = report(*conditions)
        exported = stress_report(
            Exported(model, trained.experiment, trained.frontend), examples.clips, examples.labels, conditions
        )
        for one, other in zip(checkpoint["conditions"], exported["conditions"], strict=True):
            assert one["uar"] == pytest.approx(other["uar"], abs=1 / 16)
        assert checkpoint["clean"] == exported["clean"]


def test_recordings_of_the_training_are_warned_of(trained, examples, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("used", "other"):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "hiss.wav", 0.1 * rng.standard_normal(RATE), RATE)
    shutil.copytree(tmp_path / "used", tmp_path / "copy")
    augment = (Room(str(tmp_path / "missing")), Background(str(tmp_path / "copy")))
    augmented = replace(trained, frontend=replace(trained.frontend, augment=augment))
    conditions = [RecordedNoise(str(tmp_path / name), snr_db) for name, snr_db in (("used", 10.0), ("other", 20.0))]
    result = stress_report(augmented, examples.clips[:2], examples.labels[:2], [*conditions, Gain(6.0)])
    warnings = [row["warning"] for row in result["conditions"]]
    assert [bool(one) for one in warnings] == [True, False, False]
    assert "WARNING: recorded noise 10 dB SNR: the training was augmented with recordings of this" in (
        stress_table(result)
    )


class TestConditionsThatCannotBeEvaluated:
    def test_a_skipped_one_has_its_reason_and_does_not_count(self, report, tmp_path):
        result = report(RecordedNoise(str(tmp_path)), WhiteNoise(10.0))
        skipped, evaluated = result["conditions"]
        assert (skipped["uar"], skipped["uar_drop"], skipped["clips"]) == (None, None, 0)
        assert skipped["skipped"] == f"no .wav or .flac under {tmp_path}"
        assert (evaluated["skipped"], result["evaluated"]) == ("", 1)
        assert f"skipped: no .wav or .flac under {tmp_path}" in stress_table(result)

    def test_one_that_is_skipped_for_a_later_clip_is_skipped(self, report, monkeypatch):
        monkeypatch.setattr(stress_predictions, "BATCH", 8)
        seen = []

        def sometimes(samples):
            seen.append(len(samples))
            if len(seen) > 10:
                raise SkippedConditionError("enough")
            return samples

        [row] = report(condition(sometimes))["conditions"]
        assert (row["skipped"], row["uar"], len(seen)) == ("enough", None, 11)

    def test_an_empty_recording_is_predicted_as_silence(self, report):
        empty, silent = report(condition(lambda samples: samples[:0]), condition(np.zeros_like, "other"))["conditions"]
        assert empty["uar"] == silent["uar"]

    @pytest.mark.parametrize(
        ("function", "message"),
        [
            (lambda samples: samples / 0, "'example' returned NaN or infinity for .*check_condition"),
            (lambda samples: np.stack([samples] * 2), r"'example' returned shape \(2, .*expected finite samples"),
            (lambda samples: samples[None]["no"], "'example' failed on .*IndexError"),
        ],
    )
    @pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
    def test_a_faulty_one_is_named(self, report, function, message):
        with pytest.raises(UserError, match=message):
            report(condition(function))

    def test_two_with_one_title_are_refused(self, report):
        with pytest.raises(UserError, match="two stress conditions have the title 'gain \\+6 dB'"):
            report(Gain(6.0), Gain(6.0))

    def test_a_clip_that_is_gone_is_named(self, trained, examples):

        clip = replace(examples.clips[0], path=Path("gone.wav"))
        with pytest.raises(UserError, match=r"gone\.wav cannot be read: No such file"):
            stress_report(trained, [clip], examples.labels[:1], (Gain(6.0),))


class TestTheCommand:
    def test_writes_and_prints_the_report_and_keeps_it(self, launch, own_run, tmp_path):
        noise = tmp_path / "noise"
        noise.mkdir()
        soundfile.write(noise / "hiss.wav", 0.1 * np.random.default_rng(0).standard_normal(RATE), RATE)
        (tmp_path / "inverted.py").write_text(
            "from dataclasses import dataclass\n"
            "from aersut.contracts import Condition\n"
            "from aersut.registry import CONDITIONS\n"
            "@CONDITIONS.register('inverted')\n"
            "@dataclass(frozen=True)\n"
            "class Inverted(Condition):\n"
            "    '''Inverted polarity.'''\n"
            "    title = 'inverted polarity'\n"
            "    def __call__(self, rng, samples, sample_rate):\n"
            "        return -samples\n"
        )
        evaluate = ("--mode=evaluate", f"--workdir={own_run.folder}")
        ran = launch(
            *evaluate, "--stress", f"--evaluate.noise={noise}", f"--evaluate.impulse_responses={tmp_path / 'none'}",
            f"--evaluate.plugins={tmp_path / 'inverted.py'}", "--evaluate.conditions=inverted,gain",
        )  # fmt: skip
        assert ran.status == 0, ran.err
        stress = json.loads(own_run.evaluation.read_text())["stress"]
        further = [*(f"recorded noise {snr} dB SNR" for snr in (20, 10, 5, 0)), "measured impulse responses"]
        titles = [*(one.title for one in STANDARD), *further, "inverted polarity"]
        assert [row["title"] for row in stress["conditions"]] == titles
        assert (stress["evaluated"], stress["of"]) == (28, 28)
        known = {row["title"] for row in stress["conditions"] if not row["skipped"]}
        assert known == set(titles) - {"measured impulse responses"}
        assert f"stress mean {stress['mean']:.3f}" in ran.out
        assert "skipped: no .wav or .flac under" in ran.out

        assert launch(*evaluate).status == 0
        result = json.loads(own_run.evaluation.read_text())
        assert result["stress"] == stress

        changed = json.loads(own_run.evaluation.read_text()) | {"epoch": 99}
        own_run.evaluation.write_text(json.dumps(changed))  # as by another checkpoint
        assert launch(*evaluate).status == 0
        assert "stress" not in json.loads(own_run.evaluation.read_text())

    def test_evaluates_other_corpora_and_exported_models(self, launch, own_run, tmp_path):
        Synthetic(speakers=2, repetitions=1, seed=7).write(tmp_path, "ravdess")
        file = own_run.export / "model_int8.tflite"
        ran = launch(
            "--mode=evaluate", f"--workdir={own_run.folder}", "--stress", f"--model={file}",
            f"--evaluate.root={tmp_path}", "--evaluate.corpora=ravdess",
        )  # fmt: skip
        assert ran.status == 0, ran.err
        [path] = own_run.evaluation.parent.glob("ravdess-*-model_int8/metrics.json")
        result = json.loads(path.read_text())
        assert (result["stress"]["evaluated"], result["stress"]["conditions"][0]["clips"]) == (28, result["clips"])
        assert result["stress"]["clean"] == pytest.approx(result["uar"])

    def test_refuses_a_test_set_of_augmented_copies(self, launch, tiny, tmp_path):
        arguments = (f"--experiment={tiny}", f"--workdir={tmp_path / 'run'}", "--experiment.data.protocol=paper")
        assert launch("--mode=train", *arguments, "--experiment.epochs=1").status == 0
        ran = launch("--mode=evaluate", *arguments[1:2], "--stress")
        assert (ran.status, "protocol 'paper' tests on augmented copies" in ran.err) == (2, True)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--evaluate.noise=x"], "--evaluate.noise is a setting of the stress conditions: add --stress"),
            (["--stress", "--evaluate.conditions=gian"], "unknown stress condition 'gian'. Did you mean 'gain'?"),
            (["--stress", "--folds=all"], "omit the other options"),
            (["--stress", "--evaluate.plugins=nowhere.py"], "nowhere.py does not exist"),
        ],
    )
    def test_wrong_arguments(self, launch, finished, arguments, message):
        ran = launch("--mode=evaluate", f"--workdir={finished.folder}", *arguments)
        assert (ran.status, message in ran.err) == (2, True), ran.err


@pytest.mark.parametrize("change", [{}, {"epoch": 2}, {"model_sha256": "b"}, {"confusion": [[0, 1], [0, 1]]}])
def test_earlier_results_are_kept_for_the_same_model_and_predictions_only(change, tmp_path):
    result = {"epoch": 1, "model_sha256": "a", "confusion": [[1, 0], [0, 1]]}
    write_json(tmp_path / "metrics.json", {**result, "stress": {"mean": 0.5}})
    assert _earlier_stress(tmp_path, result | change) == (None if change else {"mean": 0.5})
