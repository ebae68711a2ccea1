"""Fine-tuning: initial weights of a run or of a model of the zoo."""

import dataclasses
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import aersut
from aersut import initial
from aersut.config import Experiment, Init
from aersut.contracts import Clip
from aersut.data.splits import Split
from aersut.errors import UserError
from aersut.models import CNN
from aersut.run import make_frontend
from aersut.run_folder import open_run, start
from aersut.serving.recognizer import load
from aersut.tflite.file import TFLiteFile
from aersut.tflite.litert import LiteRTModel
from aersut.training import loop, records
from aersut.training.dry_run import dry_run
from aersut.training.initial_weights import Origin, arrays_of, check_unseen, read_initial_weights, read_origin
from aersut.training.packing import leaf_name, leaf_shapes
from aersut.training.setup import InitialNetwork, set_up
from aersut.training.state import unflattened
from aersut.training.trained import abstract_state, load_trained
from aersut.tree import to_tree
from aersut.zoo import catalog


def tuned(tiny: str, source: Path | str, **overrides) -> Experiment:
    """The tiny experiment with other data, fine-tuned from `source`."""
    return aersut.load_experiment(tiny, init=str(source), **{"data.seed": 1, "epochs": 2, **overrides})


def state_arrays(params, rest) -> dict[str, np.ndarray]:
    leaves = [leaf for tree in (unflattened(params), rest) for leaf in jax.tree.leaves_with_path(tree)]
    return {leaf_name(path): np.asarray(leaf) for path, leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.floating)}


@pytest.fixture
def unseen(monkeypatch) -> None:
    """Synthetic speakers are numbered, so other data have speakers of the same name: as if they were others."""
    monkeypatch.setattr("aersut.training.setup.check_unseen", lambda *arguments: None)


class TestAFineTuning:
    def test_starts_with_weights_batch_norm_and_scaling_of_the_run(self, finished, tiny, tmp_path, unseen):
        setup = set_up(start(tuned(tiny, finished.folder), tmp_path / "run"))
        state, source = setup.initial_state(), load_trained(finished)
        found, expected = state_arrays(state.params, state.rest), arrays_of(source)
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[name], expected[name]) for name in expected)
        for one in (setup.frontend, setup.prepared.frontend):
            np.testing.assert_array_equal(one.scaling.mean, source.frontend.scaling.mean)
        examples = setup.prepared.split.examples("train")
        own = setup.prepared.frontend.fit_scaling(setup.prepared.table, examples).scaling
        assert not np.array_equal(own.mean, source.frontend.scaling.mean), "the data are others"

    def test_of_the_head_changes_nothing_else(self, finished, tiny, tmp_path, unseen):
        run = start(tuned(tiny, finished.folder, **{"init.trainable": "head", "ema": 0.5}), tmp_path / "run")
        assert loop.train(run)
        found, expected = arrays_of(load_trained(run)), arrays_of(load_trained(finished))
        assert found.keys() == expected.keys()
        changed = {name for name in expected if not np.array_equal(found[name], expected[name])}
        assert changed == {"head.kernel", "head.bias"}

    def test_of_the_head_needs_no_state_of_the_optimizer_for_the_other_weights(self, finished, tiny):
        def size(trainable: str) -> int:
            experiment = tuned(tiny, finished.folder, **{"init.trainable": trainable, "ema": 0.5})
            _, state = abstract_state(experiment, make_frontend(experiment))
            return sum(leaf.size for leaf in jax.tree.leaves(state))

        assert size("head") < size("all") / 2

    def test_that_is_interrupted_ends_like_an_uninterrupted_one_without_its_source(
        self, finished, tiny, tmp_path, unseen
    ):
        source = tmp_path / "source"
        shutil.copytree(finished.folder, source)
        experiment = tuned(tiny, source, select="last")
        whole, parted = start(experiment, tmp_path / "whole"), start(experiment, tmp_path / "parted")
        loop.train(whole)

        def stop(record):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            loop.train(parted, stop)
        shutil.rmtree(source)
        assert loop.train(open_run(parted.folder))
        one, other = load_trained(whole), load_trained(parted)
        assert all(np.array_equal(values, arrays_of(other)[name]) for name, values in arrays_of(one).items())
        np.testing.assert_array_equal(one.frontend.scaling.mean, other.frontend.scaling.mean)
        losses = [
            [record["validation_loss"] for record in records.read_records(run.records)] for run in (whole, parted)
        ]
        assert losses[0] == losses[1]

    def test_on_other_emotions_keeps_the_outputs_of_equal_ones(self, finished, tiny):
        emotions = ("surprise", "calm", "neutral")
        experiment = tuned(tiny, finished.folder, **{"data.emotions": list(emotions)})
        weights, network = read_initial_weights(experiment), InitialNetwork(experiment)
        assert weights.emotions == finished.experiment.data.emotions, "which its config.json leaves to its training set"
        weights = dataclasses.replace(weights, emotions=("neutral", *weights.emotions[1:7], "anger"))  # no surprise
        weights.check(experiment, network.shapes)
        params, rest = (weights.applied(state, emotions) for state in network.values)
        fresh, found = state_arrays(*network.values), state_arrays(params, rest)
        for name in ("head.kernel", "head.bias"):
            np.testing.assert_array_equal(found[name][..., 1], weights.arrays[name][..., 1])
            np.testing.assert_array_equal(found[name][..., 2], weights.arrays[name][..., 0])
            np.testing.assert_array_equal(found[name][..., 0], fresh[name][..., 0])
        np.testing.assert_array_equal(found["hidden.kernel"], weights.arrays["hidden.kernel"])

    def test_of_an_ensemble_finds_the_heads_of_its_members(self):
        experiment = aersut.load_experiment("tiny_ravdess")
        experiment = dataclasses.replace(experiment, init=Init("micro_speech", "head", "0" * 64))
        trainable = leaf_shapes(InitialNetwork(experiment).shapes[0])
        assert set(trainable) == {f"members.{n}.head.{part}" for n in range(4) for part in ("kernel", "bias")}

    def test_is_recorded_with_licences_and_seen_speakers(self, finished, tiny, tmp_path, unseen):
        run = start(tuned(tiny, finished.folder, epochs=1), tmp_path / "run")
        loop.train(run)
        split = json.loads(finished.split.read_text())
        seen = {clip["speaker"] for clip in split["clips"] if {"train", "validation"} & set(clip["splits"])}
        origin = read_origin(run)
        assert (origin.model, origin.digest) == (str(finished.folder), run.experiment.init.digest)
        assert (origin.licences, set(origin.seen_speakers["synthetic"])) == ({"synthetic": ""}, seen)
        run.init.rename(tmp_path / "init.json")
        with pytest.raises(UserError, match=r"init\.json is missing or damaged: it names the speakers and licences"):
            read_origin(run)
        (tmp_path / "init.json").rename(run.init)
        again = read_initial_weights(tuned(tiny, run.folder)).origin
        assert set(again.seen_speakers["synthetic"]) >= seen, "those of the first model, too"


class TestTheExperiment:
    def test_takes_frontend_and_network_from_the_model(self):
        experiment = aersut.load_experiment("quickstart", init="micro_speech", epochs=3)
        model = aersut.load_experiment("micro_speech")
        for name in ("framing", "features", "scaling", "model"):
            assert getattr(experiment, name) == getattr(model, name)
        assert experiment.data.corpora == aersut.load_experiment("quickstart").data.corpora
        assert experiment.init == Init("micro_speech", "all", initial.find("micro_speech").digest)

    def test_of_a_file_does_so_for_its_defaults_and_keeps_dropout(self):
        model = aersut.load_experiment("micro_speech").model
        own = Experiment(init=Init("micro_speech"), model=dataclasses.replace(model, dropout=0.5))
        loaded = aersut.load_experiment(own)
        assert (loaded.model.dropout, loaded.features) == (0.5, aersut.load_experiment("micro_speech").features)
        assert aersut.load_experiment("quickstart", init="micro_speech", **{"model.dropout": 0.4}).model.dropout == 0.4

    def test_has_another_digest_with_other_weights_and_the_known_one_without(self, finished, tmp_path):
        assert "init" not in to_tree(Experiment())
        shutil.copytree(finished.folder, tmp_path / "run")
        before = initial.find(str(tmp_path / "run")).digest
        assert before == initial.find(str(finished.folder)).digest, "of the content, not of the path"
        [file, *_] = [path for path in (tmp_path / "run" / "checkpoints").rglob("d/*") if path.is_file()]
        file.write_bytes(file.read_bytes() + b"0")
        assert before != initial.find(str(tmp_path / "run")).digest

    def test_of_a_config_json_does_not_need_the_model(self, finished, tiny, tmp_path):
        shutil.copytree(finished.folder, tmp_path / "source")
        run = start(tuned(tiny, tmp_path / "source"), tmp_path / "run")
        shutil.rmtree(tmp_path / "source")
        assert open_run(run.folder).experiment == run.experiment

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"init": "micro_speach"}, "Did you mean 'micro_speech'?"),
            ({"init": "micro_speech/model_int8.tflite"}, "A .tflite file has no weights that can be trained"),
            ({"init.trainable": "head"}, "trainable=head needs init.model"),
            ({"init": "micro_speech", "features": "mfcc"}, "were trained with another audio frontend"),
            ({"init": "micro_speech", "features.0.range_db": 30}, "range_db: 45.0 / 30.0. Omit these keys"),
            ({"init": "micro_speech", "init.trainable": "head", "precision": "bfloat16"}, "needs precision=float32"),
        ],
    )
    def test_of_other_inputs_is_refused_before_data_are_read(self, changed, message):
        with pytest.raises(UserError) as refused:
            aersut.load_experiment("quickstart", **changed)
        assert message in str(refused.value)

    def test_with_another_network_is_refused_by_name_and_shape(self):
        experiment = aersut.load_experiment("quickstart", init="micro_speech", **{"model.filters": [32, 32, 64]})
        with pytest.raises(UserError, match=r"do not fit experiment\.model: .* in the weights and .* in the network"):
            read_initial_weights(experiment).check(experiment, InitialNetwork(experiment).shapes)
        cnn = dataclasses.replace(experiment, model=CNN())
        with pytest.raises(UserError, match="in the weights and .* in the network"):
            read_initial_weights(cnn).check(cnn, InitialNetwork(cnn).shapes)

    def test_whose_weights_have_changed_since_is_refused(self, tiny):
        experiment = dataclasses.replace(aersut.load_experiment(tiny), init=Init("micro_speech", "all", "0" * 64))
        with pytest.raises(UserError, match="are not those with which this experiment was loaded"):
            read_initial_weights(experiment)

    def test_of_a_folder_of_runs_names_them(self, finished):
        with pytest.raises(UserError, match=f"choose one of .*{finished.folder}"):
            initial.find(str(finished.folder.parent))

    def test_of_a_run_without_checkpoint_says_so(self, finished, tmp_path):
        shutil.copy(finished.config, tmp_path)
        with pytest.raises(UserError, match="has no weights: train it to its end"):
            initial.find(str(tmp_path))


def test_test_speakers_that_the_weights_have_seen_are_refused():
    clips = tuple(Clip(Path(f"{n}.wav"), "happy", str(n), "ravdess") for n in range(1, 7))
    collection = SimpleNamespace(clips=clips, contents=[f"content {n}" for n in range(1, 7)])
    origin = Origin("micro_speech", "", {}, {"ravdess": ["1", "3"]})

    def split(protocol: str, test: tuple[int, ...]) -> Split:
        assignment = np.array([[2 if n in test else 0] for n in range(1, 7)])
        return Split(assignment, protocol, leaks=False, speaker_independent=True)

    with pytest.raises(UserError, match="trained on speakers of the test set.*ravdess:3"):
        check_unseen(origin, collection, split("speaker", (2, 3)))
    check_unseen(origin, collection, split("speaker", (2, 4)))
    check_unseen(origin, collection, split("random", (2, 3)))
    check_unseen(dataclasses.replace(origin, seen_speakers={"cremad": ["3"]}), collection, split("speaker", (3,)))
    listed = dataclasses.replace(clips[2], corpus="manifest", speaker="anna", path=Path("my/03-01-05-01-02-01-12.wav"))
    renamed = SimpleNamespace(clips=(*clips[:2], listed, *clips[3:]), contents=collection.contents)
    check_unseen(origin, renamed, split("speaker", (2, 3)))
    with pytest.raises(UserError, match="trained on speakers of the test set.*ravdess:12"):
        check_unseen(dataclasses.replace(origin, seen_speakers={"ravdess": ["12"]}), renamed, split("speaker", (2, 3)))
    unknown = SimpleNamespace(
        clips=tuple(dataclasses.replace(clip, speaker="unknown") for clip in clips), contents=collection.contents
    )
    check_unseen(dataclasses.replace(origin, seen_speakers={"ravdess": ["unknown"]}), unknown, split("speaker", (3,)))
    recording = dataclasses.replace(origin, seen_speakers={}, seen_recordings=["content 3", "content 9"])
    with pytest.raises(UserError, match=r"trained on 1 recording of the test set, such as 3\.wav"):
        check_unseen(recording, collection, split("speaker", (2, 3)))
    check_unseen(recording, collection, split("speaker", (2, 4)))


def test_seen_speakers_stop_a_training_before_its_first_epoch(finished, tiny, tmp_path):
    run = start(tuned(tiny, finished.folder), tmp_path / "run")
    with pytest.raises(UserError, match="trained on speakers of the test set"):
        loop.train(run)
    with pytest.raises(UserError, match="trained on speakers of the test set"):
        dry_run(run)
    assert not run.records.exists()


@pytest.mark.parametrize("name", catalog.names())
def test_the_weights_of_the_zoo_are_those_of_its_float_file(name):
    """Up to the temperature, which the file divides the logits by."""
    experiment = aersut.load_experiment("quickstart", init=name)
    weights, network = read_initial_weights(experiment), InitialNetwork(experiment)
    weights.check(experiment, network.shapes)
    states = [weights.applied(state, weights.emotions) for state in network.values]
    model = LiteRTModel(TFLiteFile.read(catalog.ZOO / name / "model_float32.tflite"))
    features = np.random.default_rng(0).normal(size=(8, *model.shape)).astype(np.float32)
    logits = np.asarray(jax.jit(lambda x: network.graphs.network(*states)(x))(features))
    expected = np.log(model(features))
    centred = [values - values.mean(1, keepdims=True) for values in (logits, expected)]
    ratio = (centred[0] * centred[1]).sum() / (centred[1] ** 2).sum()
    np.testing.assert_allclose(centred[0], ratio * centred[1], atol=1e-3)


def test_the_command_line_fine_tunes_and_evaluates_the_model_before(launch, tmp_path, monkeypatch, tiny, finished):
    monkeypatch.chdir(tmp_path)
    catalog._announce.cache_clear()
    corpus = ("--experiment.epochs=1", f"--workdir={tmp_path / 'run'}")
    outcome = launch("--mode=train", f"--experiment={tiny}", "--init=micro_speech", *corpus)
    assert (outcome.status, "initial weights: micro_speech; trainable: all" in outcome.out) == (0, True)
    assert "weights trained on ravdess (CC BY-NC-SA 4.0)" in outcome.err
    outcome = launch("--mode=evaluate", f"--workdir={tmp_path / 'run'}", "--model=micro_speech")
    assert outcome.status == 0
    result = json.loads((tmp_path / "run" / "evaluation" / "micro_speech" / "metrics.json").read_text())
    recognizer, split = load("micro_speech"), json.loads((tmp_path / "run" / "split.json").read_text())
    tested = [clip for clip in split["clips"] if clip["splits"][0] == "test"]
    correct = [recognizer(clip["path"]).emotion == clip["emotion"] for clip in tested]
    assert result["wa"] == pytest.approx(np.mean(correct), abs=1.5 / len(tested))
    other = launch("--mode=evaluate", f"--workdir={tmp_path / 'run'}", "--model=micro_speech/model_float32.tflite")
    assert other.status == 0, other.err
    assert (tmp_path / "run/evaluation/micro_speech-model_float32/metrics.json").exists()
    refused = launch("--mode=evaluate", f"--workdir={finished.folder}", "--model=micro_speech")
    assert (refused.status, "only a run that was fine-tuned from it (--init=micro_speech)" in refused.err) == (2, True)
