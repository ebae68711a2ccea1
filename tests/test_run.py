"""A run folder: found again by the same command, never used for another experiment or with other data."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import filelock
import numpy as np
import pytest
import soundfile

from aersut import experiment
from aersut.augment import Noise
from aersut.config import Data, Experiment
from aersut.contracts import Framing
from aersut.corpora import Ravdess, Synthetic
from aersut.data.protocols import SPLITS
from aersut.errors import UserError
from aersut.features import MFCC, RMS, ZCR
from aersut.labels import EMOTIONS
from aersut.run import make_frontend, prepare, split_summary
from aersut.run_folder import Run, discarding_unused_runs, open_run, start
from aersut.tree import digest, to_tree

FOLDER = "ravdess-emotional-speech-audio/audio_speech_actors_01-24"
RATE = 16_000


def start_refused(one, folder):
    with pytest.raises(UserError) as caught:
        start(one, folder)
    return str(caught.value)


def open_refused(folder):
    with pytest.raises(UserError) as caught:
        open_run(folder)
    return str(caught.value)


class TestStart:
    def test_creates_a_folder_named_after_the_experiment_and_its_configuration(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        one = Experiment(name="mine")
        run = start(one)
        assert run.folder.resolve() == (tmp_path / "runs" / "mine" / digest(to_tree(one))).resolve()
        assert json.loads(run.config.read_text()) == json.loads(json.dumps(to_tree(one)))
        assert open_run(run.folder) == run

    def test_finds_the_same_folder_for_the_same_experiment_and_another_for_another(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        one = start(Experiment(name="mine"))
        written = one.config.stat().st_mtime_ns
        assert start(Experiment(name="mine")) == one
        assert one.config.stat().st_mtime_ns == written
        others = [Experiment(name="mine", seed=1), Experiment(name="other"), Experiment(name="mine", epochs=1)]
        assert len({one.folder, *(start(other).folder for other in others)}) == 4

    def test_writes_a_config_json_that_starts_the_same_run_again(self, tmp_path):
        one = Experiment(name="mine", features=(ZCR(), RMS()), augment=(Noise(),), epochs=3)
        run = start(one, tmp_path / "run")
        shutil.copy(run.config, tmp_path / "elsewhere.json")
        again = experiment.load_experiment(str(tmp_path / "elsewhere.json"))
        assert again == one
        assert start(again, tmp_path / "run") == run

    def test_accepts_an_empty_folder(self, tmp_path):
        assert start(Experiment(), tmp_path).config.exists()

    def test_checks_the_types_that_a_dataclass_does_not(self, tmp_path):
        assert "experiment.epochs" in start_refused(Experiment(epochs=2.5), tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_refuses_the_folder_of_another_experiment_and_reports_the_differences(self, tmp_path):
        start(Experiment(name="mine"), tmp_path / "run")
        message = start_refused(Experiment(name="mine", epochs=40, seed=3), tmp_path / "run")
        assert message == (
            f"run folder {tmp_path / 'run'} contains a run of another experiment; differences (existing / requested): "
            "experiment.epochs: 120 / 40; experiment.seed: 0 / 3. Choose another --workdir, or omit it."
        )
        many = Experiment(name="mine", epochs=40, seed=3, batch_size=1, scaling="none")
        assert start_refused(many, tmp_path / "run").count("experiment.") == 3
        assert " …. Choose another" in start_refused(many, tmp_path / "run")

    def test_accepts_a_run_whose_config_json_lacks_newer_fields(self, tmp_path):
        run = start(Experiment(name="mine"), tmp_path / "run")
        tree = json.loads(run.config.read_text())
        del tree["scaling"], tree["data"]["trim_db"], tree["model"]["dropout"]
        run.config.write_text(json.dumps(tree))
        assert start(Experiment(name="mine"), tmp_path / "run") == run

    def test_refuses_a_folder_with_other_files_and_changes_nothing(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("x")
        message = start_refused(Experiment(), tmp_path)
        reason = "is not empty and is not a run (it has no config.json). Choose another --workdir."
        assert message == f"folder {tmp_path} {reason}"
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]

    @pytest.mark.parametrize("place", ["file", "file/run"])
    def test_refuses_a_path_that_cannot_be_a_folder(self, tmp_path, place):
        (tmp_path / "file").write_text("x")
        message = start_refused(Experiment(), tmp_path / place)
        assert message.startswith(f"run folder {tmp_path / place} cannot be written: ")
        assert message.endswith("Choose another --workdir.")


class TestDiscardingUnusedRuns:
    """What a failed command leaves of a run folder."""

    @pytest.fixture(autouse=True)
    def _own_directory(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    def failed(self, use=lambda run: None, folder=None, error=UserError):
        with pytest.raises(error), discarding_unused_runs():
            run = start(Experiment(name="mine"), folder)
            use(run)
            raise error("no data")
        return run

    @pytest.mark.parametrize("error", [UserError, RuntimeError])
    def test_nothing_before_the_first_epoch(self, error):
        def begin(run):
            for path in (run.split, run.sessions, run.init):
                path.write_text("{}")

        self.failed(begin, error=error)
        assert not Path("runs").exists()

    def test_a_run_that_is_interrupted(self):
        assert self.failed(error=KeyboardInterrupt).config.exists()

    def test_the_parents_that_were_there(self):
        Path("a", "b").mkdir(parents=True)
        self.failed(folder=Path("a", "b", "c", "d"))
        assert [path.name for path in Path("a").rglob("*")] == ["b"]
        self.failed(folder=Path("a", "b"))
        assert [path.name for path in Path("a").rglob("*")] == ["b"]

    @pytest.mark.parametrize("name", ["metrics.jsonl", "log.txt", "notes.txt"])
    def test_a_folder_with_results_or_other_files(self, name):
        run = self.failed(lambda run: (run.folder / name).write_text("x"))
        assert run.config.exists()

    def test_a_run_that_existed(self):
        run = start(Experiment(name="mine"))
        self.failed()
        assert run.config.exists()

    def test_a_run_that_another_process_trains(self):
        run = Run(Path("runs", "r"), Experiment(name="mine"))
        run.folder.mkdir(parents=True)
        with filelock.FileLock(run.folder / ".lock"):
            self.failed(folder=run.folder)
        assert run.config.exists()

    def test_the_run_of_a_block_that_succeeds(self):
        with discarding_unused_runs():
            run = start(Experiment(name="mine"))
        assert run.config.exists()


class TestOpen:
    def test_refuses_a_folder_that_is_not_a_run(self, tmp_path):
        message = f"{tmp_path} is not a run folder: it has no config.json. Set --workdir to one."
        assert open_refused(tmp_path) == message
        assert "is not a run folder" in open_refused(tmp_path / "nowhere")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b'{"epochs": 1', "config.json is not the config.json of a run: "),
            (b"\xff\xfe", "config.json is not the config.json of a run: "),
            (b"[]", "config.json is not the config.json of a run: expected an object."),
            (b'{"epoch": 1}', "experiment.epoch: there is no such key. Did you mean 'epochs'?"),
            (b'{"model": "transformer"}', "experiment.model: unknown model 'transformer'."),
            (b'{"plugins": ["gone.py"]}', "gone.py does not exist."),
        ],
    )
    def test_refuses_an_invalid_config_json(self, tmp_path, content, message):
        (tmp_path / "config.json").write_bytes(content)
        assert message in open_refused(tmp_path)


@pytest.fixture
def root(tmp_path):
    """A data root with RAVDESS file names: 4 actors, 8 emotions, one short clip each."""
    for actor in range(1, 5):
        folder = tmp_path / "input" / FOLDER / f"Actor_{actor:02}"
        folder.mkdir(parents=True)
        for code in range(1, 9):
            noise = 0.3 * np.random.default_rng([actor, code]).uniform(-1, 1, 3200)
            soundfile.write(folder / f"03-01-{code:02}-01-01-01-{actor:02}.wav", noise, RATE)
    return tmp_path / "input"


def small(root, **fields):
    """A fast experiment on these clips."""
    return Experiment(
        data=Data(corpora=(Ravdess(),), root=str(root), protocol="random", test=0.25, validation=0.25),
        framing=Framing(sample_rate=RATE, seconds=0.2, frame_length=400, hop_length=400),
        features=(ZCR(),),
        **fields,
    )


def clip(root, actor=1, code=1):
    return root / FOLDER / f"Actor_{actor:02}" / f"03-01-{code:02}-01-01-01-{actor:02}.wav"


class TestPrepare:
    def test_writes_the_split(self, root, tmp_path):
        run = start(small(root), tmp_path / "run")
        prepared = prepare(run)
        records = json.loads(run.split.read_text())
        assert len(records["clips"]) == 32
        counts = {name: sum(clip["splits"] == [name] for clip in records["clips"]) for name in SPLITS}
        assert counts == {"train": 16, "validation": 8, "test": 8}
        assert {name: len(prepared.split.examples(name)) for name in SPLITS} == counts
        assert split_summary(prepared).startswith("protocol random: 16 train, 8 validation, 8 test examples; ")

    def test_scales_features_by_the_training_set_alone(self, root, tmp_path):
        prepared = prepare(start(small(root), tmp_path / "run"))
        train = prepared.features(prepared.split.examples("train"))
        assert train.shape == (16, *prepared.frontend.shape)
        np.testing.assert_allclose(prepared.frontend.scaling.mean, train.mean((0, 1)), rtol=1e-5)
        np.testing.assert_allclose(prepared.frontend.scaling.deviation, train.std((0, 1)), rtol=1e-4)
        assert prepared.labels.tolist() == list(prepared.collection.labels)

    def test_called_again_finds_the_same_split_and_does_not_write_it(self, root, tmp_path):
        run = start(small(root), tmp_path / "run")
        first = prepare(run)
        written = run.split.stat().st_mtime_ns
        again = prepare(open_run(run.folder))
        assert run.split.stat().st_mtime_ns == written
        np.testing.assert_array_equal(again.split.assignment, first.split.assignment)
        np.testing.assert_array_equal(
            again.features(again.split.examples("train")), first.features(first.split.examples("train"))
        )

    @pytest.mark.parametrize("change", ["removed", "added", "another recording", "another emotion", "a copy removed"])
    def test_refuses_data_that_has_changed_since_the_start(self, root, tmp_path, change):
        if change == "a copy removed":
            shutil.copy(clip(root), clip(root).with_name("03-01-01-01-01-02-01.wav"))
        run = start(small(root), tmp_path / "run")
        prepare(run)
        before = run.split.read_bytes()
        if change == "removed":
            clip(root).unlink()
        elif change == "added":
            soundfile.write(clip(root).with_name("03-01-01-01-01-02-01.wav"), np.full(3200, 0.1), RATE)
        elif change == "another recording":
            soundfile.write(clip(root), np.full(3200, 0.1), RATE)
        elif change == "another emotion":
            one, other = clip(root, code=1), clip(root, code=2)
            one.rename(root / "aside")
            other.rename(one)
            (root / "aside").rename(other)
        else:
            clip(root).with_name("03-01-01-01-01-02-01.wav").unlink()
        with pytest.raises(UserError) as caught:
            prepare(run)
        message = str(caught.value)
        assert message.startswith(f"the data has changed since run {run.folder} was started: ")
        assert "Restore the data, or start another run with another --workdir." in message
        assert run.split.read_bytes() == before

    def test_counts_missing_and_new_clips(self, root, tmp_path):
        run = start(small(root), tmp_path / "run")
        prepare(run)
        soundfile.write(clip(root), np.full(3200, 0.1), RATE)
        with pytest.raises(UserError, match="1 clips are missing, or have another emotion or set; 1 are new"):
            prepare(run)

    def test_refuses_a_feature_that_the_framing_does_not_allow(self):
        with pytest.raises(UserError, match=r"experiment\.features: .*fmax"):
            make_frontend(Experiment(features=(MFCC(fmax=20_000.0),), framing=Framing(sample_rate=16_000)))


def test_a_run_with_any_synthetic_speech_is_synthetic(tmp_path):
    mixed = Data(corpora=(Ravdess(), Synthetic()))
    assert Run(tmp_path, Experiment(data=mixed)).synthetic
    assert not Run(tmp_path, Experiment(data=Data(corpora=(Ravdess(),)))).synthetic


def test_an_experiment_without_a_name_resumes_from_its_config_json(tmp_path):
    run = start(Experiment(), tmp_path / "run")
    assert start(experiment.load_experiment(str(run.config)), run.folder).experiment == run.experiment


def test_an_interrupted_write_of_config_json_does_not_block_the_folder(tmp_path):
    (tmp_path / ".config.json.x1y2").write_text("{")
    assert start(Experiment(), tmp_path).config.exists()


class TestClasses:
    def test_are_the_labels_of_the_training_set(self, root, tmp_path):
        for actor in range(1, 5):
            clip(root, actor, code=2).unlink()
        run = start(small(root), tmp_path / "run")
        assert run.experiment.data.emotions == ()
        prepared = prepare(run)
        without_calm = tuple(emotion for emotion in EMOTIONS if emotion != "calm")
        assert prepared.collection.emotions == without_calm
        assert f"7 classes: {', '.join(without_calm)}" in split_summary(prepared)
        assert prepared.notes == ()
        assert open_run(run.folder).experiment.data.emotions == without_calm
        assert start(small(root), run.folder).experiment.data.emotions == without_calm

    def given(self, root, **fields):
        """Speaker 4, the test set, alone has fear."""
        for actor in range(1, 4):
            clip(root, actor, code=6).unlink()
        one = small(root)
        names = {"train_speakers": ("1", "2"), "validation_speakers": ("3",), "test_speakers": ("4",)}
        return replace(one, data=replace(one.data, protocol="given", **names, **fields))

    def test_do_not_include_a_label_that_is_in_the_test_set_alone(self, root, tmp_path):
        prepared = prepare(start(self.given(root), tmp_path / "run"))
        assert "fear" not in prepared.collection.emotions
        assert len(prepared.split.examples("test")) == 7
        assert prepared.notes == (
            "fear: no clip of fear is in the training set, so it is not a class; omitted: 1 clip.",
        )

    def test_that_are_fixed_may_lack_training_clips_which_is_said(self, root, tmp_path):
        prepared = prepare(start(self.given(root, emotions=EMOTIONS), tmp_path / "run"))
        assert prepared.collection.emotions == EMOTIONS
        assert [note.partition(":")[0] for note in prepared.notes] == ["fear"]
        assert "the class is never trained on; it has 1 test clip." in prepared.notes[0]

    def test_must_be_two(self, root, tmp_path):
        for actor in range(1, 5):
            for code in range(2, 9):
                clip(root, actor, code).unlink()
        with pytest.raises(
            UserError, match="all clips of the training set are labelled neutral: expected at least two"
        ):
            prepare(start(small(root), tmp_path / "run"))

    def test_of_a_run_of_the_earlier_default_remain_the_eight(self, root, tmp_path):
        eight = small(root)
        eight = replace(eight, data=replace(eight.data, emotions=EMOTIONS))
        run = start(eight, tmp_path / "run")
        assert start(small(root), run.folder) == run

    def test_may_be_any_labels_but_the_corpora_must_have_them(self, root, tmp_path):
        one = small(root)
        with pytest.raises(UserError, match=r"no clip is labelled 'stressed'\. Labels of these corpora: neutral, calm"):
            prepare(start(replace(one, data=replace(one.data, emotions=("calm", "stressed"))), tmp_path / "run"))


class TestAMovedRun:
    def test_is_the_same_run_with_its_clips_in_another_folder(self, root, tmp_path):
        run = start(small(root), tmp_path / "run")
        first = prepare(run)
        paths = [clip["path"] for clip in json.loads(run.split.read_text())["clips"]]
        assert paths[0] == f"{FOLDER}/Actor_01/03-01-01-01-01-01-01.wav"
        shutil.move(root, tmp_path / "there")
        shutil.move(run.folder, tmp_path / "copied")
        moved = start(small(tmp_path / "there"), tmp_path / "copied")
        again = prepare(moved)
        np.testing.assert_array_equal(again.split.assignment, first.split.assignment)

    def test_is_refused_with_other_clips_in_the_other_folder(self, root, tmp_path):
        run = start(small(root), tmp_path / "run")
        prepare(run)
        shutil.copytree(root, tmp_path / "there")
        clip(tmp_path / "there").unlink()
        with pytest.raises(UserError, match="the data has changed"):
            prepare(start(small(tmp_path / "there"), run.folder))
