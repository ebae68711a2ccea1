"""Models of the zoo, evaluated on other recordings."""

import json
import shutil
from pathlib import Path

import pytest

import aersut
from aersut.corpora import Synthetic
from aersut.serving.recognizer import load

COMMAND = ("--mode=evaluate", "--model=micro_speech")


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """Generated speech: `ravdess` in RAVDESS's form, of actors that the models were trained on, and `own`."""
    folder = tmp_path_factory.mktemp("corpora")
    Synthetic(speakers=3, repetitions=1, seed=7).write(folder / "ravdess", "ravdess")
    (folder / "own").mkdir()
    rows = ["path,emotion,speaker"]
    for number, path in enumerate(clips(folder / "ravdess")):
        shutil.copy(path, folder / "own" / f"{number}.wav")
        rows.append(f"{number}.wav,{('sad', 'happy')[number % 2]},s{number // 2 % 4}")
    (folder / "own/manifest.csv").write_text("\n".join(rows))
    return folder


def clips(folder):
    return sorted(folder.rglob("*.wav"))


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def result_of(pattern):
    [path] = Path("runs/zoo/micro_speech/evaluation").glob(f"{pattern}/metrics.json")
    return json.loads(path.read_text())


def test_its_predictions_are_those_of_the_recognizer(corpora):
    evaluation = aersut.evaluate(model="micro_speech", corpora="manifest", root=corpora / "own")
    assert evaluation.folder.is_relative_to("runs/zoo/micro_speech")
    recognizer = load("micro_speech")
    for row in evaluation.predictions[::5]:
        expected = recognizer(row["path"]).probabilities
        assert {name: row[name] for name in expected} == pytest.approx(expected, abs=0.02)
    assert (evaluation.metrics["leaks"], evaluation.metrics["speaker_independent"]) == (False, True)
    assert evaluation.metrics["clips"] == len(clips(corpora / "own"))
    assert evaluation.intervals["uar"] is not None


@pytest.mark.parametrize("corpus", ["ravdess", "manifest"])
def test_speakers_that_it_has_seen_are_a_leak_since_its_recordings_are_unknown(launch, corpora, corpus):
    """In a manifest, the names of the files tell that they are RAVDESS's."""
    rows = [f"{path.relative_to(corpora / 'ravdess')},sad,anna" for path in clips(corpora / "ravdess")]
    (corpora / "ravdess/manifest.csv").write_text("\n".join(["path,emotion,speaker", *rows]))
    ran = launch(*COMMAND, f"--evaluate.root={corpora / 'ravdess'}", f"--evaluate.corpora={corpus}")
    assert ran.status == 0, ran.err
    assert "WARNING: this evaluation LEAKS" in ran.out
    assert result_of(f"{corpus}-*")["leaks"] is True


def test_another_file_of_it_has_results_of_its_own(launch, corpora):
    options = (f"--evaluate.root={corpora / 'own'}", "--evaluate.corpora=manifest")
    for file in ("", "/frontend.tflite"):
        assert launch("--mode=evaluate", f"--model=micro_speech{file}", *options).status == 0
    results = [result_of(pattern) for pattern in ("manifest-*-micro_speech", "manifest-*-frontend")]
    assert results[0]["model_sha256"] != results[1]["model_sha256"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (COMMAND, "set --evaluate.root=FOLDER"),
        ((*COMMAND, "--importance", "--evaluate.root=."), "--importance analyses the checkpoint"),
        ((*COMMAND, "--evaluate.root=.", "--evaluate.corpora=tess"), "no .wav or .flac under"),
        (("--mode=evaluate", "--model=micro_spech", "--evaluate.root=."), "'micro_spech' is not one"),
        (("--mode=evaluate", "--model=export/model_int8.tflite"), "set --workdir to the run that it was exported from"),
        (("--mode=evaluate", "--evaluate.root=."), "expected --experiment=NAME or --workdir=RUN"),
    ],
)
def test_a_mistake_is_named(launch, arguments, words):
    ran = launch(*arguments)
    assert (ran.status, words in ran.err) == (2, True), ran.err
    assert not Path("runs").exists()
