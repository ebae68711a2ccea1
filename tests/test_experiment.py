"""Experiments are loaded by name, path or config.json, and every leaf can be set on the command line."""

import importlib
import json
import os
import sys

import pytest

from aersut import experiment
from aersut.augment import Gain, Noise, TimeShift
from aersut.config import Data, Experiment
from aersut.corpora import CremaD, Manifest, Ravdess, Synthetic
from aersut.errors import UserError
from aersut.features import MFCC, ZCR
from aersut.models import CNNLSTM
from aersut.registry import FEATURES
from aersut.tree import to_tree

MINE = """
from aersut.config import Experiment
def get_config():
    return Experiment(epochs=7)
"""


def overridden(*pairs, base=None):
    """The default experiment with overrides."""
    return experiment.load_experiment(base or Experiment(), pairs)


def refused(*pairs):
    """The error message for overrides."""
    with pytest.raises(UserError) as caught:
        overridden(*pairs)
    return str(caught.value)


def load_refused(source):
    with pytest.raises(UserError) as caught:
        experiment.load_experiment(str(source))
    return str(caught.value)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory, with a folder for experiments."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    return tmp_path


@pytest.fixture
def own_features(monkeypatch):
    """The registry of features, restored after the test."""
    FEATURES.names()  # the built-in ones are imported once only
    monkeypatch.setattr(FEATURES, "_plugins", dict(FEATURES._plugins))
    monkeypatch.setattr(sys, "path", list(sys.path))
    return FEATURES


class TestByName:
    def test_finds_the_built_in_experiments_from_anywhere(self, here):
        assert {"quickstart", "cnn_combined", "cnn_lstm_combined"} <= set(experiment.experiment_names())
        assert experiment.load_experiment("quickstart").name == "quickstart"

    def test_finds_those_of_the_working_directory_first(self, here):
        (here / "experiments" / "quickstart.py").write_text(MINE)
        (here / "experiments" / "zzz.py").write_text(MINE)
        assert experiment.load_experiment("quickstart").epochs == 7
        assert experiment.load_experiment("zzz").name == "zzz"
        assert list(experiment.experiment_names()) == sorted(experiment.experiment_names())

    def test_skips_files_that_begin_with_an_underscore(self, here):
        (here / "experiments" / "_common.py").write_text(MINE)
        assert "_common" not in experiment.experiment_names()

    def test_with_an_unknown_name_lists_the_nearest_and_all_known(self, here):
        message = load_refused("quickstrat")
        assert message.startswith("unknown experiment 'quickstrat'. Did you mean 'quickstart'? Known: cnn2d_mel, ")
        assert "The path of a .py file or of a run's config.json is accepted too." in message


class TestByPath:
    def test_loads_a_python_file_and_names_the_experiment_after_it(self, tmp_path):
        (tmp_path / "mine.py").write_text(MINE)
        assert experiment.load_experiment(str(tmp_path / "mine.py")) == Experiment(name="mine", epochs=7)

    def test_keeps_the_name_that_the_file_sets(self, tmp_path):
        (tmp_path / "mine.py").write_text(MINE.replace("epochs=7", "name='named'"))
        assert experiment.load_experiment(str(tmp_path / "mine.py")).name == "named"

    def test_loads_the_config_json_of_a_run(self, tmp_path):
        one = Experiment(name="before", epochs=3, features=(ZCR(),), model=CNNLSTM())
        (tmp_path / "config.json").write_text(json.dumps(to_tree(one)))
        assert experiment.load_experiment(str(tmp_path / "config.json")) == one
        assert experiment.load_experiment(str(tmp_path / "config.json"), [("epochs", "4")]).epochs == 4

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (None, "does not exist"),
            ("x = 1", "has no function get_config() that returns an object of class Experiment"),
            ("def get_config(): return 5", "get_config() must return an object of class Experiment, got int"),
            ("def get_config():\n    return 1 / 0", "get_config() failed: ZeroDivisionError: division by zero ("),
            ("def get_config(:", "cannot be imported: SyntaxError"),
            ("import there_is_no_such_module", "cannot be imported: ModuleNotFoundError: No module named"),
            (
                "from aersut.config import Experiment\ndef get_config(): return Experiment(epochs=0)",
                "get_config() failed: ValueError: epochs must be at least 1, got 0",
            ),
            (
                "from aersut.config import Experiment\ndef get_config(): return Experiment(epoch=1)",
                "unexpected keyword argument 'epoch'",
            ),
        ],
    )
    def test_reports_the_error_of_a_python_file_and_names_it(self, tmp_path, text, expected):
        path = tmp_path / "mine.py"
        if text is not None:
            path.write_text(text)
        message = load_refused(path)
        assert message.startswith(f"experiment file {path}")
        assert expected in message

    def test_says_how_to_use_a_plugin_file_beside_it(self, tmp_path):
        (tmp_path / "features_beside.py").write_text("")
        (tmp_path / "mine.py").write_text("from features_beside import Tilt\n")
        assert 'plugins=["features_beside.py"]' in load_refused(tmp_path / "mine.py")

    def test_names_the_line_that_failed(self, tmp_path):
        (tmp_path / "mine.py").write_text("def get_config():\n    return 1 / 0\n")
        assert f"({tmp_path / 'mine.py'}:2)" in load_refused(tmp_path / "mine.py")

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (None, "cannot be read: No such file"),
            (b"{", "is not the config.json of a run: Expecting"),
            (b"[1]", "is not the config.json of a run: expected an object"),
            (b"\xff\xfe\x00", "is not the config.json of a run: "),
        ],
    )
    def test_reports_the_error_of_a_json_file_and_names_it(self, tmp_path, content, expected):
        path = tmp_path / "config.json"
        if content is not None:
            path.write_bytes(content)
        assert load_refused(path).startswith(f"{path} {expected}")

    def test_without_initial_weights_may_have_null(self, tmp_path):
        (tmp_path / "config.json").write_text(json.dumps({**to_tree(Experiment()), "init": None}))
        assert experiment.load_experiment(str(tmp_path / "config.json")) == Experiment()

    def test_names_the_invalid_key_of_a_json_file(self, tmp_path):
        (tmp_path / "config.json").write_text('{"epochs": 0}')
        assert load_refused(tmp_path / "config.json") == "experiment: epochs must be at least 1, got 0"


class TestAnOverride:
    @pytest.mark.parametrize(
        ("pairs", "expected"),
        [
            ([("epochs", "3")], Experiment(epochs=3)),
            ([("epochs", "3"), ("epochs", "4")], Experiment(epochs=4)),
            ([("data.root", "there")], Experiment(data=Data(root="there"))),
            ([("data.trim_db", "none")], Experiment(data=Data(trim_db=None))),
            ([("scaling", "none")], Experiment(scaling="none")),
            ([("data.trim_db", "None")], Experiment(data=Data(trim_db=None))),
            ([("data.emotions", "sad,happy")], Experiment(data=Data(emotions=("sad", "happy")))),
            ([("data.emotions", " sad , happy,")], Experiment(data=Data(emotions=("sad", "happy")))),
            ([("data.emotions", '["sad", "happy"]')], Experiment(data=Data(emotions=("sad", "happy")))),
            ([("data.emotions", "sad,happy"), ("data.emotions.0", "calm")], ("calm", "happy")),
            ([("data.corpora", "ravdess,cremad")], Experiment(data=Data(corpora=(Ravdess(), CremaD())))),
            ([("data.corpora", "synthetic")], Experiment(data=Data(corpora=(Synthetic(),)))),
            ([("data.corpora", "")], Experiment()),
            ([("features", "zcr,mfcc")], Experiment(features=(ZCR(), MFCC()))),
            ([("features.0.n_mfcc", "20")], Experiment(features=(MFCC(n_mfcc=20),))),
            ([("features", "zcr,mfcc"), ("features.1.n_mfcc", "20")], (ZCR(), MFCC(n_mfcc=20))),
            ([("features", '[{"name": "mfcc", "n_mfcc": 20}]')], Experiment(features=(MFCC(n_mfcc=20),))),
            ([("model", "cnn_lstm")], Experiment(model=CNNLSTM())),
            ([("model", "cnn_lstm"), ("model.dropout", "0.25")], Experiment(model=CNNLSTM(dropout=0.25))),
            ([("augment", "noise,time_shift")], Experiment(augment=(Noise(), TimeShift()))),
        ],
    )
    def test_sets_a_leaf(self, pairs, expected):
        one = overridden(*pairs)
        if isinstance(expected, tuple):
            assert expected in (one.data.emotions, one.features)
        else:
            assert one == expected

    def test_of_a_name_brings_the_fields_of_the_other_plugin(self):
        base = Experiment(data=Data(corpora=(Synthetic(speakers=4),)))
        one = overridden(("data.corpora.0.name", "manifest"), ("data.corpora.0.path", "mine.csv"), base=base)
        assert one.data.corpora == (Manifest(path="mine.csv"),)
        assert overridden(("data.corpora.0.name", "synthetic"), base=base) == base
        assert overridden(("name", "other")).name == "other"

    def test_of_a_plugin_does_not_discard_its_fields_in_whatever_order_they_are_given(self):
        expected = Experiment(model=CNNLSTM(dropout=0.25))
        assert overridden(("model.dropout", "0.25"), ("model", "cnn_lstm")) == expected
        assert overridden(("features.0.n_mfcc", "20"), ("features", "mfcc,zcr")).features == (MFCC(n_mfcc=20), ZCR())

    def test_of_the_plugin_that_is_set_already_keeps_its_fields(self):
        """So a search over plugins, of which the experiment has one, keeps the settings of the experiment."""
        base = Experiment(model=CNNLSTM(dropout=0.3))
        assert overridden(("model", "cnn_lstm"), base=base) == base
        assert overridden(("model", CNNLSTM()), base=base).model == CNNLSTM()
        assert overridden(("model", "cnn"), base=base).model != base.model

    def test_may_be_a_regular_expression(self):
        pattern = "[^/]+/(?P<emotion>[^/]+)/(?P<speaker>[^/]+)/"
        one = overridden(("data.corpora", "folders"), ("data.corpora.0.pattern", pattern))
        assert one.data.corpora[0].pattern == pattern

    def test_changes_nothing_else(self):
        base = Experiment(name="x", epochs=7, model=CNNLSTM(dropout=0.3), augment=(Noise(),))
        one = overridden(("model.dropout", "0.1"), base=base)
        assert one == Experiment(name="x", epochs=7, model=CNNLSTM(dropout=0.1), augment=(Noise(),))

    def test_empties_a_list(self):
        assert overridden(("augment", ""), base=Experiment(augment=(Noise(),))).augment == ()

    def test_does_not_change_its_argument(self):
        base = Experiment(data=Data(emotions=("sad", "happy")))
        overridden(("data.emotions.0", "calm"), ("epochs", "3"), base=base)
        assert base == Experiment(data=Data(emotions=("sad", "happy")))

    @pytest.mark.parametrize(
        ("pair", "message"),
        [
            (("epoch", "3"), "experiment.epoch: there is no such key. Did you mean 'epochs'?"),
            (("dat.root", "x"), "experiment.dat: there is no such key. Did you mean 'data'?"),
            (("data.rot", "x"), "experiment.data.rot: there is no such key. Did you mean 'root'?"),
            (("optimizer.lerning_rate", "1"), "experiment.optimizer.lerning_rate: there is no such key. Did you mean"),
            (("epochs", "many"), "experiment.epochs: Input should be a valid integer"),
            (("epochs", "3.7"), "experiment.epochs: Input should be a valid integer"),
            (("optimizer.learning_rate", "fast"), "experiment.optimizer.learning_rate: Input should be a valid number"),
            (("model.kernels", "3,x"), "experiment.model.kernels.1: Input should be a valid integer"),
            (("data.corpora", "ravdes"), "experiment.data.corpora.0: unknown corpus 'ravdes'. Did you mean 'ravdess'?"),
            (("features.3.n_mfcc", "1"), "experiment.features: expected the number of an entry, 0 to 0, got '3'."),
            (("features", "mfcc,mfcc"), "experiment.features contains 'mfcc' twice with the same fields"),
            (("features.x", "1"), "experiment.features: expected the number of an entry, 0 to 0, got 'x'."),
            (("augment.0.probability", "1"), "experiment.augment is empty, so 'augment.0.probability' cannot be set."),
            (("plugins", 3), "experiment.plugins: Input should be a valid tuple"),
            (("init", 3), "experiment.init: Input should be a dictionary or an instance of Init"),
            (("init", '{"model": "micro_speech"}'), "experiment.init.model: Input should be a valid string"),
            (("epochs.x", "1"), "experiment.epochs is a single value without keys, so 'epochs.x' cannot be set."),
            (("data.root.x.y", "1"), "experiment.data.root"),
            (("model", "{bad"), "'{bad' is not valid JSON: "),
            (("data.emotions", "happy,sadd"), "experiment.data: unknown emotion 'sadd'. Did you mean 'sad'?"),
        ],
    )
    def test_that_is_invalid_is_named(self, pair, message):
        assert refused(pair).startswith(message)

    def test_of_a_list_by_none_empties_it(self):
        found = overridden(("augment", "none"), ("plugins", "None"))
        assert (found.augment, found.plugins) == ((), ())

    @pytest.mark.parametrize("plugins", [None, 3])
    def test_invalid_plugins_are_named_also_beside_initial_weights(self, plugins):
        assert refused(("plugins", plugins), ("init", "micro_speech")).startswith("experiment.plugins: Input should be")


class TestPluginsOfTheUsersOwn:
    PLUGIN = """
from dataclasses import dataclass
from aersut.contracts import Feature
from aersut.registry import FEATURES

@FEATURES.register("NAME")
@dataclass(frozen=True)
class Mine(Feature):
    \"\"\"A feature of my own.\"\"\"
    bands: int = 3
    channels = 3
    def __call__(self, signal):
        raise NotImplementedError
"""

    def test_are_found_in_the_python_file_that_is_named(self, here, own_features):
        (here / "mine.py").write_text(self.PLUGIN.replace("NAME", "mine_of_a_file"))
        one = overridden(("plugins", "mine.py"), ("features", "mine_of_a_file"), ("features.0.bands", "5"))
        assert one.features[0].bands == 5
        assert one.plugins == ("mine.py",)
        assert overridden(("plugins", "mine.py"), ("features", "mine_of_a_file")).features[0].bands == 3  # once more

    def test_have_lists_that_the_command_line_sets(self, here, own_features):
        text = self.PLUGIN.replace("NAME", "mine_with_a_list").replace(
            "bands: int = 3", "bands: tuple[int, ...] = (3,)"
        )
        (here / "mine.py").write_text(text)
        given = (("features", "mine_with_a_list"), ("features.0.bands", "5,7"), ("plugins", "mine.py"))
        assert overridden(*given).features[0].bands == (5, 7)

    def test_are_found_in_a_module_of_the_working_directory(self, here, own_features):
        (here / "aersut_test_own_module.py").write_text(self.PLUGIN.replace("NAME", "mine_of_a_module"))
        one = overridden(("plugins", "aersut_test_own_module"), ("features", "mine_of_a_module"))
        assert type(one.features[0]).__name__ == "Mine"

    def test_may_be_imported_under_another_name_before(self, here, own_features, monkeypatch):
        (here / "aersut_test_imported.py").write_text(self.PLUGIN.replace("NAME", "mine_imported"))
        monkeypatch.syspath_prepend(here)
        imported = importlib.import_module("aersut_test_imported")
        one = overridden(("plugins", "aersut_test_imported.py"), ("features", "mine_imported"))
        assert type(one.features[0]) is imported.Mine

    def test_come_with_the_config_json_of_a_run(self, here, own_features):
        (here / "mine.py").write_text(self.PLUGIN.replace("NAME", "mine_of_a_run"))
        tree = {**to_tree(Experiment()), "plugins": ["mine.py"], "features": ["mine_of_a_run"]}
        (here / "config.json").write_text(json.dumps(tree))
        assert type(experiment.load_experiment("config.json").features[0]).__name__ == "Mine"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("there_is_none.py", "plugin module {cwd}/there_is_none.py does not exist."),
            ("there_is.none", "plugin module 'there_is.none' cannot be imported: ModuleNotFoundError: No module named"),
        ],
    )
    def test_that_are_missing_are_named(self, here, own_features, name, message):
        assert refused(("plugins", name)).startswith(message.format(cwd=os.path.realpath(here)))

    def test_that_fail_are_named_with_the_line(self, here, own_features):
        (here / "broken.py").write_text("\nraise RuntimeError('no such device')\n")
        message = refused(("plugins", "broken.py"))
        assert "cannot be imported: RuntimeError: no such device (" in message
        assert "broken.py:2)" in message
        (here / "wrong.py").write_text("if\n")
        assert "cannot be imported: SyntaxError: invalid syntax (wrong.py, line 1)." in refused(("plugins", "wrong.py"))

    def test_with_the_name_of_a_built_in_plugin_are_refused(self, here, own_features):
        (here / "mine.py").write_text(self.PLUGIN.replace("NAME", "mfcc"))
        message = refused(("plugins", "mine.py"))
        assert "feature 'mfcc'" in message
        assert "the name is taken by aersut.features.mfcc.MFCC; choose another name." in message


def test_a_list_in_a_plugin_that_the_command_line_names_is_a_comma_list(tiny):
    asked = experiment.load_experiment(tiny, [("augment", "gain"), ("augment.0.db", "-12, 3.5")])
    assert asked.augment == (Gain(db=(-12.0, 3.5)),)
