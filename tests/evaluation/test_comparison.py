"""Comparison of runs, as a table and as a page."""

import json

import pytest

from aersut.evaluation import comparison


@pytest.fixture
def runs(tmp_path):
    """Three run folders: two evaluated runs that differ in model and seed, and one that is not trained."""
    base = {"name": "x", "seed": 0, "epochs": 2, "model": {"name": "cnn", "dense": 8}, "features": [{"name": "mfcc"}]}
    changes = {
        "b": {"model": {"name": "cnn_lstm", "units": [4, 2]}},
        "a": {"seed": 10},
        "c": {"seed": 9},
    }
    for name, change in changes.items():
        (tmp_path / name / "evaluation").mkdir(parents=True)
        (tmp_path / name / "config.json").write_text(json.dumps(base | change))
    for name, uar, ece in (("a", 0.5, 0.2), ("b", 0.7, 0.3)):
        result = {"uar": uar, "wa": 0.6, "ece": ece, "intervals": {}, "leaks": name == "a", "synthetic": False}
        (tmp_path / name / "evaluation/metrics.json").write_text(json.dumps(result))
    (tmp_path / "b" / "metrics.jsonl").write_text('{"epoch": 1}\n{"epoch": 2}\n')
    (tmp_path / "b" / "export").mkdir()
    files = {"ring_int8": 9_000, "model_int8": 20_000, "model_float32": 80_000, "broken": None}
    files = {f"{name}.tflite": {"bytes": size} for name, size in files.items()}
    (tmp_path / "b" / "export/export.json").write_text(json.dumps({"files": files}))
    return tmp_path


def names(printed):
    return [line.split()[0].rsplit("/", 1)[-1] for line in printed.splitlines()[1:]]


def test_a_table_has_each_run_below_a_folder_the_best_first(launch, runs):
    ran = launch("--mode=compare", f"--workdir={runs}")
    assert ran.status == 0, ran.err
    assert names(ran.out) == ["b", "a", "c"]
    head, best, leaking, begun = ran.out.splitlines()
    assert head.split()[:4] == ["run", "trained", "UAR", "WA"]
    assert {"0.700", "0.600", "20", "cnn_lstm"} <= set(best.split())
    assert "LEAKS" in leaking
    assert "not evaluated" in begun


def test_only_what_differs_of_the_configuration_is_shown_and_no_fields_of_other_plugins(launch, runs):
    rows = json.loads(launch("--mode=compare", f"--workdir={runs}", "--json").out)
    assert [set(row["configuration"]) for row in rows] == [{"seed", "model.name"}] * 3
    two = json.loads(launch("--mode=compare", f"--workdir={runs / 'a'},{runs / 'c'}", "--json").out)
    assert [row["configuration"] for row in two] == [{"seed": "10"}, {"seed": "9"}]
    alone = json.loads(launch("--mode=compare", f"--workdir={runs / 'b'}", "--json").out)
    assert (alone[0]["configuration"], alone[0]["trained"], alone[0]["kilobytes"]) == ({}, 2, 20)


def test_different_lists_of_plugins_are_one_column(launch, runs):
    tree = json.loads((runs / "c/config.json").read_text())
    (runs / "c/config.json").write_text(json.dumps({**tree, "features": [{"name": "zcr"}, {"name": "mfcc", "n": 3}]}))
    rows = json.loads(launch("--mode=compare", f"--workdir={runs / 'a'},{runs / 'c'}", "--json").out)
    assert [row["configuration"] for row in rows] == [
        {"seed": "10", "features": "mfcc"},
        {"seed": "9", "features": "zcr, mfcc"},
    ]


@pytest.mark.parametrize(
    ("key", "order"), [("ece", "abc"), ("uar", "bac"), ("seed", "bca"), ("model.name", "acb"), ("folder", "abc")]
)
def test_any_key_sorts(launch, runs, key, order):
    assert names(launch("--mode=compare", f"--workdir={runs}", f"--sort={key}").out) == list(order)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workdir=RUNS", "--sort=uarr"], "there is no 'uarr'. Did you mean 'uar'?"),
        (["--workdir=RUNS/nowhere"], "does not exist"),
        (["--workdir=RUNS/b/export"], "is not a run folder and contains none"),
    ],
)
def test_a_mistake_is_named(launch, runs, arguments, words):
    ran = launch("--mode=compare", *(argument.replace("RUNS", str(runs)) for argument in arguments))
    assert ran.status == 2
    assert words in ran.err


def test_a_stress_mean_without_some_conditions_has_a_note(runs):
    path = runs / "a" / "evaluation/metrics.json"
    for evaluated, notes in ((27, ("LEAKS", "stress mean of 27 of 28 conditions")), (28, ("LEAKS",))):
        stress = {"mean": 0.5, "evaluated": evaluated, "of": 28}
        path.write_text(json.dumps(json.loads(path.read_text()) | {"stress": stress}))
        assert comparison.read_compared_run(runs / "a").notes == notes


def test_a_training_that_has_not_ended_has_a_note(runs):
    path = runs / "b" / "metrics.jsonl"
    whole = path.read_text()
    path.write_text(whole.splitlines()[0])
    assert "the training is not complete: 1 of 2 epochs" in comparison.read_compared_run(runs / "b").notes
    path.write_text(whole)
    assert comparison.read_compared_run(runs / "b").notes == ()


def test_a_damaged_run_is_a_line_with_a_note(runs):
    (runs / "a" / "config.json").write_text('{"name":')
    (runs / "b" / "evaluation/metrics.json").write_text('{"uar": 0.5}')  # of a version without intervals
    rows = {row.folder.name: row for row in map(comparison.read_compared_run, comparison.find_runs([runs]))}
    assert "config.json cannot be read" in rows["a"].notes[0]
    assert rows["b"].notes == ("evaluated by an earlier version",)
    assert comparison.comparison_table(list(rows.values())).count("\n") == 3


def test_a_page_compares_runs(launch, finished, own_run, tmp_path):
    own_run.evaluation.unlink()
    page = tmp_path / "page.html"
    ran = launch("--mode=report", f"--workdir={finished.folder},{own_run.folder}", f"--output={page}")
    assert ran.status == 0, ran.err
    assert str(page) in ran.out
    text = page.read_text()
    assert "Comparison of 2 runs" in text
    assert "not evaluated" in text
    assert "A: confusion matrix" in text
    assert "recall of surprise" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workdir=RUN,RUN/nowhere"], "nowhere is not a run folder"),
        (["--workdir=RUN", "--output=x.html"], "--output is for several runs"),
        (["--workdir=RUN,RUN", "--experiment=quickstart"], "omit --experiment"),
    ],
)
def test_a_page_that_cannot_be_made_is_refused(launch, finished, arguments, words):
    ran = launch("--mode=report", *(argument.replace("RUN", str(finished.folder)) for argument in arguments))
    assert (ran.status, words in ran.err) == (2, True), ran.err
