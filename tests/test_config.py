"""The schema of an experiment: accepted and refused values, error messages, and conversion to and from JSON."""

import enum
import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aersut import experiment
from aersut.augment import Codec, Noise, TimeShift
from aersut.config import Data, Experiment, Loss, checked, from_tree
from aersut.contracts import Augmenter, Feature, Framing
from aersut.corpora import CremaD, Ravdess, Synthetic
from aersut.errors import UserError
from aersut.features import MFCC, RMS, ZCR, LogMel
from aersut.labels import EMOTIONS
from aersut.models import CNN, CNNLSTM
from aersut.registry import AUGMENTERS, CORPORA, FEATURES
from aersut.tree import differences, digest, to_tree


def as_json(one):
    """The tree after a round trip through JSON text."""
    return json.loads(json.dumps(to_tree(one), allow_nan=False))


def refused(tree):
    """The error message for a plain tree."""
    with pytest.raises(UserError) as caught:
        from_tree(tree)
    return str(caught.value)


FULL = Experiment(
    name="everything",
    plugins=("mine.plugins", "there.py"),
    data=Data(
        corpora=(Ravdess(), CremaD(), Synthetic(speakers=3)),
        protocol="cross_corpus",
        test_corpora=("cremad",),
        emotions=("sad", "happy"),
        trim_db=None,
        fit="random",
    ),
    framing=Framing(sample_rate=16_000, seconds=1.25, frame_length=400, hop_length=160, center=False),
    features=(MFCC(n_mfcc=20), LogMel(), ZCR(), RMS()),
    augment=(Noise(), TimeShift()),
    augmented_copies=2,
    sampling="balanced",
    scaling="none",
    model=CNNLSTM(),
    epochs=7,
    batch_size=3,
    seed=11,
)


class TestJSON:
    @pytest.mark.parametrize("one", [Experiment(), FULL], ids=["defaults", "everything"])
    def test_restores_an_experiment(self, one):
        assert from_tree(as_json(one)) == one

    @pytest.mark.parametrize("name", experiment.experiment_names())
    def test_restores_each_built_in_experiment(self, name):
        one = experiment.load_experiment(name)
        assert from_tree(as_json(one)) == one

    @settings(max_examples=20, deadline=None)  # building the schema takes a while
    @given(
        epochs=st.integers(1, 10**6),
        seconds=st.floats(0.5, 60),
        test=st.floats(0.01, 0.5),
        root=st.text(st.characters(exclude_categories=("Cs",))),
        emotions=st.lists(st.sampled_from(EMOTIONS), min_size=2, unique=True),
        trim_db=st.none() | st.floats(1e-3, 200),
    )
    def test_loses_no_digit_and_no_letter(self, epochs, seconds, test, root, emotions, trim_db):
        data = Data(root=root, test=test, validation=0.1, emotions=tuple(emotions), trim_db=trim_db)
        one = Experiment(data=data, framing=Framing(seconds=seconds), epochs=epochs)
        assert from_tree(as_json(one)) == one

    def test_writes_a_plugin_as_its_name_and_its_fields(self):
        tree = as_json(Experiment(features=(MFCC(n_mfcc=20),), data=Data(corpora=(Synthetic(speakers=3),))))
        assert tree["features"][0]["name"] == "mfcc"
        assert tree["features"][0]["n_mfcc"] == 20
        assert tree["data"]["corpora"] == [{"name": "synthetic", "speakers": 3, "repetitions": 4, "seed": 0}]

    def test_restores_paths_and_enumerations_of_a_plugin(self):
        class Side(enum.Enum):
            LEFT = "left"

        @AUGMENTERS.register("from_a_folder")
        @dataclass(frozen=True)
        class FromAFolder(Augmenter):
            """Nothing."""

            folder: Path = Path("recordings") / "rooms"
            side: Side = Side.LEFT

            def __call__(self, key, example):
                return example

        one = Experiment(augment=(FromAFolder(),))
        assert as_json(one)["augment"] == [{"name": "from_a_folder", "folder": "recordings/rooms", "side": "left"}]
        assert from_tree(as_json(one)) == one

    def test_missing_keys_of_an_older_config_have_their_defaults(self):
        assert from_tree({"epochs": 3, "data": {"root": "here"}}) == Experiment(epochs=3, data=Data(root="here"))


class TestAPlugin:
    @pytest.mark.parametrize("given", ["cnn", {"name": "cnn"}, CNN()], ids=["name", "fields", "object"])
    def test_is_given_as_an_object_its_name_or_its_fields(self, given):
        assert from_tree({"model": given}).model == CNN()

    def test_is_given_with_some_of_its_fields(self):
        assert from_tree({"features": [{"name": "mfcc", "n_mfcc": 20}, "zcr"]}).features == (MFCC(n_mfcc=20), ZCR())

    def test_with_an_unknown_name_lists_the_nearest_and_all_known(self):
        assert refused({"model": "cnn_lst"}).startswith(
            "experiment.model: unknown model 'cnn_lst'. Did you mean 'cnn_lstm'? Known: cnn, "
        )
        assert "experiment.features.1: unknown feature 'mfc'. Did you mean 'mfcc'?" in refused(
            {"features": ["zcr", "mfc"]}
        )

    @pytest.mark.parametrize("nameless", [{"filters": [3]}, 3, None, ["cnn"], {"name": 3}])
    def test_without_a_name_lists_the_known_ones(self, nameless):
        message = refused({"model": nameless})
        assert message.startswith("experiment.model: expected the name of a model, one of cnn, ")

    def test_of_another_kind_is_refused(self):
        assert "experiment.model: unknown model 'mfcc'" in refused({"model": "mfcc"})

    def test_names_a_misspelt_field_by_its_whole_path(self):
        message = refused({"features": ["zcr", {"name": "mfcc", "n_mfc": 3}]})
        assert message.startswith("experiment.features.1.n_mfc: there is no such key. Did you mean 'n_mfcc'? Known: ")
        assert "experiment.data.corpora.0.speaker: there is no such key. Did you mean 'speakers'?" in refused(
            {"data": {"corpora": [{"name": "synthetic", "speaker": 2}]}}
        )

    def test_names_a_field_of_the_wrong_type(self):
        message = refused({"features": [{"name": "mfcc", "n_mfcc": "many"}]})
        assert message.startswith("experiment.features.0.n_mfcc: ")
        assert "integer" in message
        assert "'many'" in message

    def test_checks_its_own_values(self):
        message = refused({"data": {"corpora": [{"name": "synthetic", "speakers": 0}]}})
        assert message == "experiment.data.corpora.0: speakers must be at least 1, got 0"

    def test_whose_class_is_not_registered_is_named(self):
        @dataclass(frozen=True)
        class Mine(Feature):
            channels = 1

            def __call__(self, signal):
                raise NotImplementedError

        with pytest.raises(UserError, match="Mine is not a registered feature; decorate its class"):
            to_tree(Experiment(features=(Mine(),)))


class TestAKey:
    @pytest.mark.parametrize(
        ("tree", "message"),
        [
            ({"epoch": 3}, "experiment.epoch: there is no such key. Did you mean 'epochs'? Known: name, plugins, "),
            (
                {"data": {"rot": "x"}},
                "experiment.data.rot: there is no such key. Did you mean 'root'? Known: corpora, ",
            ),
            (
                {"framing": {"hop_lenth": 1}},
                "experiment.framing.hop_lenth: there is no such key. Did you mean 'hop_length'? Known: sample_rate, ",
            ),
        ],
    )
    def test_that_is_misspelt_reports_the_nearest(self, tree, message):
        assert refused(tree).startswith(message)

    @pytest.mark.parametrize(
        ("tree", "key", "value"),
        [
            ({"epochs": "many"}, "experiment.epochs", "'many'"),
            ({"epochs": 3.7}, "experiment.epochs", "3.7"),
            ({"framing": {"hop_length": [1]}}, "experiment.framing.hop_length", "[1]"),
            ({"data": {"protocol": "speakr"}}, "experiment.data.protocol", "'speakr'"),
            ({"data": {"emotions": ["sad", {}]}}, "experiment.data.emotions.1", "{}"),
            ({"sampling": None}, "experiment.sampling", "None"),
            ({"data": 5}, "experiment.data", "5"),
        ],
    )
    def test_of_the_wrong_type_is_named_with_its_value(self, tree, key, value):
        message = refused(tree)
        assert message.startswith(f"{key}: ")
        assert message.endswith(f"got {value}")

    @pytest.mark.parametrize("number", [math.nan, math.inf, "nan", "-inf"])
    @pytest.mark.parametrize("key", ["seconds", "test", "trim_db"])
    def test_that_is_not_finite_is_refused(self, key, number):
        tree = {"framing": {key: number}} if key == "seconds" else {"data": {key: number}}
        assert f".{key}: Input should be a finite number" in refused(tree)

    def test_given_as_the_command_lines_text_gets_its_type(self):
        tree = {"epochs": "40", "framing": {"seconds": "1.5", "center": "false"}, "data": {"trim_db": "30"}}
        one = from_tree(tree)
        assert (one.epochs, one.framing.seconds, one.framing.center, one.data.trim_db) == (40, 1.5, False, 30.0)

    def test_speakers_may_be_given_as_numbers(self):
        given = {"protocol": "given", "train_speakers": [1, 2], "validation_speakers": [3], "test_speakers": [4]}
        assert from_tree({"data": given}).data.train_speakers == ("1", "2")


class TestDataRefuses:
    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"test": 0}, "test (0) and validation (0.15) must be above 0, and their sum below 1"),
            ({"validation": 0}, "must be above 0, and their sum below 1"),
            ({"test": 0.6, "validation": 0.4}, "their sum below 1"),
            ({"fold": -1}, "fold -1 does not exist"),
            ({"fold": 5}, "fold 5 does not exist: test=0.2 makes folds 0 to 4"),
            ({"fold": 3, "test": 0.3}, "fold 3 does not exist: test=0.3 makes folds 0 to 2"),
            ({"seed": -1}, "seed must be from 0 to 4294967295, got -1"),
            ({"emotions": ("happy", "a/b")}, "emotion 'a/b' is not a label: expected a letter, then up to 39 letters"),
            ({"emotions": ("happy", "silence")}, "emotion 'silence' is not a label: "),
            ({"emotions": ("happy",)}, "emotions must be at least two different ones, got happy"),
            ({"emotions": ("sad", " Sad")}, "emotions must be at least two different ones, got sad, sad"),
            ({"trim_db": 0}, "trim_db must be above 0, or none, got 0"),
            ({"test_speakers": ("1",)}, "speakers are named, but protocol=speaker ignores them; set protocol=given"),
            (
                {"protocol": "given", "test_speakers": ("1",)},
                "protocol=given needs train_speakers, validation_speak",
            ),
            (
                {"protocol": "cross_corpus"},
                "protocol=cross_corpus needs test_corpora, and no other protocol accepts them",
            ),
            (
                {"test_corpora": ("ravdess",)},
                "protocol=cross_corpus needs test_corpora, and no other protocol accepts them",
            ),
        ],
    )
    def test_invalid_values(self, fields, message):
        with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is compared whole)
            Data(**fields)
        assert message in str(caught.value)
        assert refused({"data": fields}).startswith("experiment.data: ")

    @pytest.mark.parametrize("folds", range(2, 40))
    def test_no_valid_fold_if_test_is_1_over_k(self, folds):
        Data(test=1 / folds, fold=folds - 1)
        with pytest.raises(ValueError, match=f"fold {folds} does not exist"):
            Data(test=1 / folds, fold=folds)

    def test_no_fold_of_a_protocol_with_its_own_folds(self):
        assert Data(protocol="leave_one_speaker_out", fold=23).fold == 23
        assert Data(protocol="ravdess6", fold=5, test=0.3).fold == 5


class TestFramingRefuses:
    @pytest.mark.parametrize("name", ["sample_rate", "frame_length", "hop_length"])
    def test_what_is_not_positive(self, name):
        with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
            Framing(**{name: 0})

    def test_frames_longer_than_the_window(self):
        with pytest.raises(ValueError, match=r"frame_length 2048 is longer than the window of 1600 samples \(0.1 s at"):
            Framing(sample_rate=16_000, seconds=0.1)


class TestAnExperimentRefuses:
    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"epochs": 0}, "epochs must be at least 1, got 0"),
            ({"batch_size": -1}, "batch_size must be at least 1, got -1"),
            ({"augmented_copies": -1}, r"augmented_copies must be 0 \(on the fly\) or more, got -1"),
            ({"augmented_copies": 2}, "augmented_copies is 2, but no augmenter changes the waveform"),
            ({"data": Data(protocol="paper"), "augment": (Noise(),)}, "protocol=paper needs augment, and"),
            ({"loss": Loss(class_weights=True), "sampling": "corpora"}, "sampling=corpora draws rare ones more often"),
            ({"features": ()}, "features is empty; set at least one feature"),
        ],
    )
    def test_invalid_values(self, fields, message):
        with pytest.raises(ValueError, match=message):
            Experiment(**fields)

    def test_a_value_of_the_wrong_type_in_an_experiment_file(self):
        with pytest.raises(UserError, match=r"experiment\.epochs: .*integer.* got 2\.5"):
            checked(Experiment(epochs=2.5))

    def test_a_feature_outside_jax_where_waveforms_change_on_the_fly(self, monkeypatch):
        monkeypatch.setattr(FEATURES, "_plugins", dict(FEATURES._plugins))

        @FEATURES.register("on_the_host")
        @dataclass(frozen=True)
        class OnTheHost(Feature):
            host = True
            channels = 1

            def __call__(self, signal):
                raise NotImplementedError

        with pytest.raises(ValueError, match="feature 'on_the_host' runs outside JAX.* set augmented_copies above 0"):
            Experiment(features=(OnTheHost(),), augment=(Noise(),))
        Experiment(features=(OnTheHost(),), augment=(Noise(),), augmented_copies=1)
        Experiment(features=(OnTheHost(),))

    def test_an_augmenter_outside_jax_on_the_fly(self):
        with pytest.raises(ValueError, match="augmenter 'codec' runs outside JAX.* set augmented_copies above 0"):
            Experiment(augment=(Codec(),))
        Experiment(augment=(Codec(),), augmented_copies=1)


@dataclass(frozen=True)
class OfFeatures(Augmenter):
    """Changes features only."""

    domain = "features"

    def __call__(self, key, example):
        return example


@pytest.mark.parametrize(
    ("fields", "on_the_fly"),
    [
        ({}, False),
        ({"augment": (Noise(),)}, True),
        ({"augment": (Noise(),), "augmented_copies": 1}, False),
        ({"augment": (OfFeatures(),)}, False),
        ({"augment": (OfFeatures(), Noise())}, True),
        ({"data": Data(fit="random")}, True),
        ({"data": Data(fit="random"), "augmented_copies": 1}, False),
    ],
)
def test_training_reads_audio_if_windows_differ_between_epochs(fields, on_the_fly):
    assert Experiment(**fields).on_the_fly is on_the_fly


class TestADigest:
    def test_is_the_first_ten_digits_of_the_json_texts_sha256(self):
        text = '{"a": [1, 2.5, null], "b": "x"}'
        expected = hashlib.sha256(text.encode()).hexdigest()[:10]
        assert digest({"b": "x", "a": [1, 2.5, None]}) == expected

    def test_is_equal_only_for_equal_experiments(self):
        ones = [
            Experiment(),
            Experiment(seed=1),
            Experiment(name="x"),
            Experiment(model=CNN(dense=17)),
            Experiment(features=(MFCC(), ZCR())),
            Experiment(features=(ZCR(), MFCC())),
            Experiment(data=Data(corpora=(CORPORA["ravdess"](),))),
            Experiment(data=Data(seed=1)),
        ]
        assert len({digest(to_tree(one)) for one in ones}) == len(ones)
        assert digest(to_tree(FULL)) == digest(to_tree(from_tree(as_json(FULL))))


class TestDifferences:
    def test_name_the_leaves_with_both_values(self):
        one, other = Experiment(), Experiment(epochs=40, data=Data(root="there"), model=CNN(dense=5))
        lines = differences(as_json(one), as_json(other))
        assert "experiment.epochs: 120 / 40" in lines
        assert 'experiment.data.root: "input" / "there"' in lines
        assert any(line.startswith("experiment.model.dense: ") and line.endswith(" / 5") for line in lines)
        assert len(lines) == 3

    def test_are_none_between_equals(self):
        assert differences(to_tree(FULL), as_json(FULL)) == []

    def test_name_keys_of_one_tree_only(self):
        assert differences({"a": 1}, {"b": 2}) == ["experiment.a: 1 / null", "experiment.b: null / 2"]
