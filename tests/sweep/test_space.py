"""The notation of a search space, and the errors for an invalid one."""

import json
import sys

import numpy as np
import pytest

from aersut import experiment
from aersut.errors import UserError
from aersut.models import CNN, CNNLSTM
from aersut.sweep import plan
from aersut.sweep.space import Choice, Range, grid_size, parse_space


@pytest.fixture(scope="module")
def base():
    return experiment.load_experiment("quickstart")


def test_a_range_is_integral_if_its_key_is_an_integer(base):
    asked = {"optimizer.learning_rate": "1e-5:1e-2:log", "epochs": "5:50", "ema": "0.5:0.9"}
    found = parse_space(asked, base)
    assert found["optimizer.learning_rate"] == Range(1e-5, 1e-2, log=True)
    assert found["epochs"] == Range(5, 50, integral=True)
    assert found["ema"] == Range(0.5, 0.9)
    assert parse_space({"optimizer.clip_norm": "1:5"}, base)["optimizer.clip_norm"] == Range(1, 5), "a real key"
    assert parse_space({"epochs": "1e1:1e2:log"}, base)["epochs"] == Range(10, 100, log=True, integral=True)
    assert grid_size(found) is None
    assert grid_size(parse_space({"epochs": "5:50"}, base)) == 46


def test_a_counted_range_is_a_list_of_evenly_spaced_numbers(base):
    found = parse_space({"optimizer.learning_rate": "1e-5:1e-2:log:4", "batch_size": "8:128:log:5"}, base)
    assert found["optimizer.learning_rate"] == Choice(("1e-05", "0.0001", "0.001", "0.01"))
    assert found["batch_size"] == Choice(("8", "16", "32", "64", "128"))
    assert grid_size(found) == 20
    assert parse_space({"model.dropout": "0:0.5:linear:3"}, base)["model.dropout"] == Choice(("0.0", "0.25", "0.5"))


def test_a_list_accepts_every_value_that_the_command_line_accepts(base):
    found = parse_space(
        {"model": "cnn,cnn_lstm", "model.filters": "[[16,16,16],[32,32,32]]", "optimizer.clip_norm": "none,1"}, base
    )
    assert found["model"] == Choice(("cnn", "cnn_lstm"))
    assert found["model.filters"] == Choice(("[16, 16, 16]", "[32, 32, 32]"))
    assert found["optimizer.clip_norm"] == Choice(("none", "1"))
    assert next(iter(found)) == "model", "a plugin is selected before its fields are set"


def test_values_may_be_plugins_and_numbers_of_numpy(base):
    found = parse_space({"model": [CNN(dense=8), CNNLSTM()], "epochs": [np.int64(1), np.int64(2)]}, base)
    assert found["epochs"] == Choice(("1", "2"))
    assert [json.loads(value)["name"] for value in found["model"].values] == ["cnn", "cnn_lstm"]


def test_initial_weights_are_compared_with_none(base):
    assert parse_space({"init": "micro_speech,none"}, base)["init"] == Choice(("micro_speech", "none"))


def test_a_grid_has_a_limit(base):
    many = {"batch_size": "8:512", "model.dense": "16:2048", "seed": "0:4294967295"}
    large = plan.make_plan(base, (), plan.Sweep(many))
    assert (large.sampler, large.trials) == ("tpe", plan.DEFAULT_TRIALS)
    assert grid_size(large.space) == 505 * 2033 * 2**32
    with pytest.raises(UserError, match="combinations, more than the 10,000 of the largest grid"):
        plan.make_plan(base, (), plan.Sweep(many, sampler="grid"))
    assert plan.make_plan(base, (), plan.Sweep({"batch_size": "8:512"})).sampler == "grid"


def test_a_field_may_exist_in_only_some_of_the_listed_plugins(base):
    assert parse_space({"model.units": "[[8,8],[16,16]]", "model": "cnn,cnn_lstm"}, base)
    assert parse_space({"model.filters": "[[8,8],[8,8,8]]", "model.kernels": "[[3,3],[5,3,3]]"}, base)
    with pytest.raises(UserError, match=r"model\.units: there is no such key"):
        parse_space({"model.units": "[[8,8],[16,16]]"}, base)


@pytest.mark.parametrize(
    ("key", "notation", "message"),
    [
        ("optimizer.learning_rat", "1e-5:1e-2", "no such key. Did you mean 'learning_rate'?"),
        ("epoch", "1:5", "no such key. Did you mean 'epochs'?"),
        ("optimizer.learning_rate", "1e-2:1e-5:log", "is reversed: LOW must be below HIGH"),
        ("optimizer.learning_rate", "1e-2:1e-2", "is empty: LOW must be below HIGH"),
        ("optimizer.learning_rate", "", "has no value"),
        ("optimizer.learning_rate", "1e-3", "has only one value, '1e-3'"),
        ("optimizer.learning_rate", "0:1e-2:log", "must be above 0 at both ends"),
        ("optimizer.learning_rate", "-1e-2:1e-2:log", "must be above 0 at both ends"),
        ("optimizer.learning_rate", "1e-5:fast", "expected LOW:HIGH"),
        ("optimizer.learning_rate", "1e-5:1e-2:cubic", "expected LOW:HIGH"),
        ("optimizer.learning_rate", "1e-5:1e-2:log:7:8", "expected LOW:HIGH"),
        ("optimizer.learning_rate", "1e-5:1e-2:log:1", "COUNT must be at least 2"),
        ("optimizer.learning_rate", "1e-5:1e-2:linear", "`linear` needs a count"),
        ("optimizer.learning_rate", "1e-5:inf", "both ends must be finite"),
        ("optimizer.learning_rate", "1e-3,quick", "got 'quick'"),
        ("optimizer.learning_rate", "1e-3,1e-3", "contains '1e-3' twice"),
        ("optimizer.learning_rate", "0:1e-2", "learning_rate must be above 0"),
        ("epochs", "0.5:3", "got '0.5'"),
        ("model", "cnn,cnm", "Did you mean 'cnn'?"),
        ("model.filters", "[[8,8],", "is not valid JSON"),
    ],
)
def test_an_invalid_notation_is_refused_with_a_remedy(launch, key, notation, message):
    outcome = launch("--mode=sweep", "--experiment=quickstart", f"--sweep.{key}={notation}")
    assert outcome.status == 2
    assert message in outcome.err
    assert f"--sweep.{key}" in outcome.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("", "--mode=sweep needs --experiment=NAME"),
        ("--experiment=quickstart", "the sweep has no keys; expected --sweep=FILE.py, or --sweep.KEY=RANGE"),
        ("--experiment=quickstart --sweep=learning_rat", "Did you mean 'learning_rate'?"),
        ("--experiment=quickstart --sweep=nowhere.py", "nowhere.py does not exist"),
        ("--experiment=quickstart --sweep.epochs=1,2 --trials=0", "0 is not a positive integer"),
        ("--experiment=quickstart --sweep.epochs=1,2 --seeds=0,one", "expected integers"),
        ("--experiment=quickstart --sweep.epochs=1,2 --seeds=0,0", "--seeds contains a value twice"),
        ("--experiment=quickstart --sweep.epochs=1,2 --folds=9", "fold 9 does not exist"),
        ("--experiment=quickstart --sweep.seed=1,2 --seeds=0,1", "exclude each other"),
        ("--experiment=quickstart --sweep.ema=0.1:0.2 --sampler=grid", "LOW:HIGH:linear:COUNT"),
        ("--experiment=quickstart --sweep.epochs=1,2 --objectives=uar,sise", "Did you mean 'size'?"),
        ("--experiment=quickstart --sweep.epochs=1,2 --objectives=size", "uar, or uar with size or arena"),
        (
            "--experiment=quickstart --sweep.epochs=1,2 --objectives=uar,size --pruner=median",
            "--pruner must be none with two objectives",
        ),
        ("--experiment=quickstart --sweep.epochs=1,2 --study=a/b", "remove slashes"),
    ],
)
def test_invalid_flags_are_refused(launch, flags, message):
    outcome = launch("--mode=sweep", *flags.split())
    assert outcome.status == 2
    assert message in outcome.err


@pytest.mark.parametrize("flag", ["--sweep.epochs=1:5", "--sweep=learning_rate", "--trials=5", "--status"])
def test_flags_of_a_sweep_need_its_mode(launch, flag):
    outcome = launch("--experiment=quickstart", flag)
    assert outcome.status == 2
    assert f"{flag.partition('=')[0]} goes with --mode=sweep" in outcome.err


@pytest.mark.parametrize("mode", ["sweep", "lr_range"])
def test_a_missing_library_is_reported(launch, monkeypatch, mode):
    monkeypatch.setitem(sys.modules, "optuna", None)
    outcome = launch(f"--mode={mode}", "--experiment=quickstart")
    assert outcome.status == 2
    assert f"error: --mode={mode} needs optuna, which is not installed: pip install 'aersut[sweep]'." in outcome.err


class TestASweepFile:
    def test_defines_the_sweep(self, base):
        sweep = plan.read_sweep("learning_rate")
        made = plan.make_plan(base, (), sweep)
        assert made.sampler == "grid"
        assert made.trials == 7
        assert made.run_overrides == [{"seed": "0"}, {"seed": "1"}, {"seed": "2"}]
        assert made.folder.name == made.name
        assert made.name.startswith("quickstart-")

    def test_is_found_by_its_path(self, launch, base):
        assert plan.read_sweep("experiments/sweeps/learning_rate.py") == plan.read_sweep("learning_rate")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("x = 1", "has no function get_sweep()"),
            ("def get_sweep():\n    return 1", "must return an object of class Sweep, got int"),
            ("def get_sweep():\n    return 1 / 0", "ZeroDivisionError"),
            (
                "from aersut.sweep.plan import Sweep\ndef get_sweep():\n    return Sweep(sampler='gird')",
                "Did you mean 'grid'?",
            ),
        ],
    )
    def test_that_is_invalid_is_refused(self, tmp_path, text, message):
        file = tmp_path / "mine.py"
        file.write_text(text)
        with pytest.raises(UserError, match=message.replace("(", r"\(").replace(")", r"\)").replace("?", r"\?")):
            plan.read_sweep(str(file))


def test_the_study_is_named_by_what_makes_trials_comparable(base):
    one = plan.make_plan(base, (), plan.Sweep({"epochs": "1:5"}))
    same = plan.make_plan(base, (), plan.Sweep({"epochs": "1:5"}, trials=50, sampler="random", pruner="median"), keep=3)
    assert one.name == same.name, "sampler, pruner and number of trials may change"
    others = [plan.Sweep({"epochs": "1:6"}), plan.Sweep({"epochs": "1:5"}, seeds=(0, 1)), plan.Sweep({"epochs": "1,5"})]
    assert len({one.name, *(plan.make_plan(base, (), other).name for other in others)}) == 4
