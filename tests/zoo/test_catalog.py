"""The models in the package: their files, and what a user gets by their names."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aersut import load, metrics
from aersut.bundle_files import CARD, CLASSIFIER
from aersut.errors import UserError
from aersut.registry import CORPORA
from aersut.serving.recognizer import BoardRecognizer
from aersut.serving.served_models import load_served_models
from aersut.tflite.file import TFLiteFile
from aersut.zoo import catalog
from aersut.zoo.__main__ import main
from aersut.zoo.catalog import INDEX, ZOO, names, read
from aersut.zoo.table import overview

MODELS = names()
ROOT = Path(__file__).parents[2]
TERMS = "attribution, non-commercial use only, share alike"


@pytest.fixture(autouse=True)
def _first_use() -> Iterator[None]:
    """Each test is the first in its process to use a model."""
    catalog._announce.cache_clear()
    yield
    catalog._announce.cache_clear()


@pytest.fixture
def clip(tmp_path) -> Path:
    """Half a second of a tone between silence: a clip that can be classified."""
    tone = np.sin(np.arange(8_000) * 0.1) * np.hanning(8_000) * 0.3
    soundfile.write(tmp_path / "clip.wav", np.pad(tone, 28_000), 16_000)
    return tmp_path / "clip.wav"


def test_the_zoo_has_the_recommended_recipes():
    assert {"micro_speech", "tiny_speech"} <= set(MODELS)


@pytest.mark.parametrize("name", MODELS)
class TestFiles:
    def test_are_those_of_the_index(self, name):
        found = {path.name: sha256(path.read_bytes()).hexdigest() for path in (ZOO / name).iterdir()}
        del found[INDEX]
        assert found == read(name).files

    def test_are_exports_of_the_run_of_the_index(self, name):
        model = read(name)
        for file in (ZOO / name).glob("*.tflite"):
            metadata = TFLiteFile.read(file).metadata
            assert (metadata["run"], metadata["epoch"]) == (model.run, model.epoch)
            assert (metadata["aersut"], metadata["protocol"]) == (model.aersut, model.protocol)
            assert not metadata["leaks"]

    def test_have_the_size_of_the_index(self, name):
        assert (ZOO / name / CLASSIFIER).stat().st_size == read(name).bytes

    def test_name_no_path_of_a_machine(self, name):
        texts = [
            (ZOO / name / file).read_text() for file in (INDEX, CARD, catalog.LICENCE, catalog.CONFIG, catalog.METRICS)
        ]
        assert not [text for text in texts if re.search(r"[ =`\"]/\w", text)]

    def test_state_licence_and_test_speakers(self, name):
        model, card = read(name), (ZOO / name / CARD).read_text()
        for corpus, speakers in model.test_speakers.items():
            assert speakers
            assert not set(speakers) & set(model.seen_speakers[corpus])
        licence = (ZOO / name / catalog.LICENCE).read_text()
        assert TERMS in card
        for corpus, speakers in model.test_speakers.items():
            assert f"Test speakers of {corpus}: {', '.join(speakers)}." in card
            assert f"{corpus}: {model.licences[corpus]}" in licence
        assert "Livingstone" in licence


def test_no_file_is_ignored_by_git_and_thereby_by_the_wheel():
    done = subprocess.run(["git", "check-ignore", *ZOO.rglob("*")], cwd=ZOO, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("name", MODELS)
def test_every_file_with_a_classifier_can_be_loaded_by_name(name, clip):
    assert load(name)(clip).probabilities == load(ZOO / name / "model_int8.tflite")(clip).probabilities
    assert sum(load(f"{name}/model_float32.tflite")(clip).probabilities.values()) == pytest.approx(1, abs=1e-3)
    assert isinstance(load(f"{name}/frontend.tflite"), BoardRecognizer)
    assert list(load_served_models(name).recognizers) == ["model_int8.tflite", "model_float32.tflite"]


def test_an_existing_path_is_not_taken_for_a_file_of_the_zoo(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = Path("micro_speech/model_int8.tflite")
    path.parent.mkdir()
    path.touch()
    assert catalog.find(str(path)) == path
    assert capsys.readouterr().err == ""
    assert catalog.find("micro_speech").is_relative_to(ZOO)


def test_prediction_needs_neither_jax_nor_tensorflow_nor_pydantic(clip):
    code = (
        f"import sys, aersut\nassert aersut.load('micro_speech')({str(clip)!r}).emotion\n"
        "print({name.split('.')[0] for name in sys.modules} & {'jax', 'tensorflow', 'pydantic', 'scipy', 'grain'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    assert (done.stderr.count("\n"), TERMS in done.stderr) == (1, True)


def test_the_command_line_predicts_by_name_and_states_the_licence_beside_the_result(launch, clip):
    outcome = launch("--mode=predict", "--model=micro_speech", "--json", str(clip), str(clip))
    assert outcome.status == 0
    assert [json.loads(line)["file"] for line in outcome.out.splitlines()] == [str(clip)] * 2
    assert (outcome.err.count("\n"), TERMS in outcome.err) == (1, True)
    streamed = launch("--mode=predict", "--model=micro_speech/frontend.tflite", "--stream", "--json", str(clip))
    assert (streamed.status, streamed.err) == (0, "")  # the licence was stated already
    assert tuple(json.loads(streamed.out.splitlines()[0])["probabilities"]) == load("micro_speech").labels


def test_a_name_is_a_model_of_the_zoo_and_a_path_with_a_separator_a_path(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "micro_speech").mkdir()
    (tmp_path / "micro_speech" / "mine.tflite").touch()
    assert load("micro_speech").name == "model_int8.tflite"
    assert "micro_speech of the model zoo (not ./micro_speech): " in capsys.readouterr().err
    with pytest.raises(UserError, match="micro_speech is a folder without config"):
        load("./micro_speech")
    with pytest.raises(UserError, match="micro_speech is a folder without config"):
        load("micro_speech/")  # what a shell completes
    with pytest.raises(UserError, match="micro_speech is a folder without config"):
        load(Path("micro_speech"))
    with pytest.raises(UserError, match=r"micro_speech/mine\.tflite is not a \.tflite file"):
        load("micro_speech/mine.tflite")  # the zoo has no such file


def test_an_unknown_name_is_refused_with_the_names_of_the_zoo(launch, clip):
    outcome = launch("--mode=predict", "--model=micro_speach", str(clip))
    assert outcome.status == 2
    assert f"Did you mean 'micro_speech'? Expected the name of a model ({', '.join(MODELS)})" in outcome.err
    assert launch("--mode=monitor", "--model=micro_speach").err == outcome.err


def test_list_prints_each_model_with_size_arena_metrics_and_licence(launch):
    outcome = launch("--list")
    for name in MODELS:
        model = read(name)
        size, metrics, licence = outcome.out.split(f"\n  {name} ", 1)[1].splitlines()[:3]
        assert f"int8 file {model.bytes / 1000:.0f} KB, tensor arena {model.arena / 1000:.0f} KB" in size
        assert all(f"{uar:.3f} ({corpus})" in metrics for corpus, uar in model.uar_by_corpus.items())
        assert f"stress mean {model.stress_mean:.3f}" in metrics
        assert licence.endswith(TERMS)


def test_the_tables_of_the_documentation_are_those_of_the_command(capsys):
    assert main(["table"]) == 0
    assert capsys.readouterr().out in (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["README.md", "docs/joint.md"])
def test_an_overview_elsewhere_is_that_of_the_command(page):
    assert overview() in (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MODELS)
def test_a_copy_has_the_files_and_the_c_library_which_compiles_and_tests_itself(name, tmp_path, capsys):
    folder = tmp_path / "copied" / name
    assert main(["copy", name, str(folder)]) == 0
    assert f"make -C {folder / 'c'}" in capsys.readouterr().out
    for file in set(read(name).files) - {catalog.C_LIBRARY}:
        assert (folder / file).read_bytes() == (ZOO / name / file).read_bytes()
    assert (folder / "c" / "LICENSE-WEIGHTS").read_bytes() == (folder / "LICENSE").read_bytes()
    done = subprocess.run(["make", "-C", str(folder / "c"), "CFLAGS=-O0"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run([folder / "c" / "aersut"], input=bytes(2 * 16_000 * 4), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b""), "the self-test prints what differs"
    assert main(["copy", name, str(folder)]) == 2
    assert f"{folder} exists already. Choose the path of a new folder." in capsys.readouterr().err


@pytest.mark.parametrize("name", MODELS)
def test_the_c_library_has_the_sources_of_this_version(name):
    """An improvement of the sources, which are the same for all models, reaches the models of the zoo."""
    sources = ROOT / "aersut" / "export" / "c_library" / "sources"
    with zipfile.ZipFile(ZOO / name / catalog.C_LIBRARY) as archive:
        compared = {path.relative_to(sources).as_posix() for path in sources.rglob("*")} & set(archive.namelist())
        for file in compared - {one for one in compared if one.endswith("/")}:
            pattern = re.sub(r"@[A-Z_]+@", ".*?", re.escape((sources / file).read_text(encoding="utf-8")))
            assert re.fullmatch(pattern, archive.read(file).decode("utf-8"), re.DOTALL), file
    assert {"src/aersut.c", "src/aersut_kernels.c", "README.md", "Makefile"} <= compared


def test_a_copy_of_an_unknown_model_names_the_known_ones(tmp_path, capsys):
    assert main(["copy", "micro_speach", str(tmp_path / "copied")]) == 2
    assert "Did you mean 'micro_speech'? Known: " in capsys.readouterr().err
    assert not (tmp_path / "copied").exists()


def test_a_model_of_version_0_2_0_has_no_intervals(tmp_path):
    shutil.copytree(ZOO / "micro_speech", tmp_path / "mine")
    index = json.loads((tmp_path / "mine" / INDEX).read_text())
    del index["uar_interval"], index["uar_interval_by_corpus"]
    (tmp_path / "mine" / INDEX).write_text(json.dumps(index))
    assert (read("mine", tmp_path).uar_interval, read("mine", tmp_path).uar) == (None, read("micro_speech").uar)


@pytest.mark.parametrize("damage", ["", "{", '{"name": "mine"}', "[]"])
def test_a_damaged_index_is_named_and_hides_no_other_model(damage, tmp_path, capsys):
    shutil.copytree(ZOO / "micro_speech", tmp_path / "mine")
    shutil.copytree(ZOO / "micro_speech", tmp_path / "other")
    (tmp_path / "mine" / INDEX).write_text(damage)
    with pytest.raises(UserError, match=f"{tmp_path / 'mine' / INDEX} is damaged"):
        read("mine", tmp_path)
    assert catalog.find("other", tmp_path) == tmp_path / "other" / CLASSIFIER


@pytest.mark.parametrize("command", [["-m", "aersut.zoo", "table"], ["launch.py", "--list"]])
def test_a_reader_that_ends_early_gets_no_traceback(command):
    """As `| head`: its end of the pipe is closed before the first line is printed."""
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("corpus", ["ravdess", "cremad"])
def test_the_uar_on_the_test_speakers_is_that_of_the_index(name, corpus, real_data):
    model, recognizer = read(name), load(name)
    listing = CORPORA[corpus]().load(real_data)
    clips = [clip for clip in listing.clips if clip.speaker in model.test_speakers[corpus]]
    with ThreadPoolExecutor() as pool:
        predicted = list(pool.map(lambda clip: recognizer(clip.path).emotion, clips))
    labels = list(recognizer.labels)
    rows = np.array([labels.index(clip.emotion) for clip in clips]), np.array([labels.index(one) for one in predicted])
    uar = metrics.uar(metrics.confusion(*rows, len(labels)))
    # equal where LiteRT rounds as on the machine that evaluated the run
    assert uar == pytest.approx(model.uar_by_corpus[corpus], abs=0.01)
