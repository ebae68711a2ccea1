"""--mode=runs: the list of runs, their names and deletion; the cache."""

import json
import shutil
from pathlib import Path

import filelock
import pytest

import aersut
from aersut.config import Experiment
from aersut.errors import UserError
from aersut.run_folder import Run, start


@pytest.fixture
def runs(tmp_path, monkeypatch) -> dict[str, Run]:
    """Two runs below runs/, of which one is trained and evaluated, in a working directory and a cache of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AERSUT_CACHE", str(tmp_path / "cache"))
    made = {name: start(Experiment(name=name, epochs=2)) for name in ("begun", "done")}
    made["done"].records.write_text('{"epoch": 1}\n{"epoch": 2}\n')
    made["done"].evaluation.parent.mkdir()
    made["done"].evaluation.write_text('{"uar": 0.625}')
    return made


def test_the_list_has_state_and_size_of_each_run(launch, runs):
    outcome = launch("--mode=runs")
    assert outcome.status == 0
    head, begun, done, total = outcome.out.split("\n\n")[0].splitlines()
    assert head.split() == ["run", "name", "epochs", "UAR", "exported", "size", "changed"]
    assert begun.split()[:7] == [str(runs["begun"].folder), "-", "0", "of", "2", "-", "-"]
    assert done.split()[:6] == [str(runs["done"].folder), "-", "2", "of", "2", "0.625"]
    assert total.startswith("2 runs, 0.0 MB")
    rows = json.loads(launch("--mode=runs", "--json").out)["runs"]
    files = [path for path in runs["done"].folder.rglob("*") if path.is_file()]
    assert rows[1]["bytes"] == sum(path.stat().st_size for path in files)


def test_a_damaged_configuration_is_listed_without_its_epochs(launch, runs):
    runs["begun"].config.write_text("[]")
    assert launch("--mode=runs").out.splitlines()[1].split()[2:5] == ["0", "of", "0"]


def test_without_runs_the_list_is_empty(launch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "0 runs, 0.0 MB" in launch("--mode=runs").out


def test_a_name_selects_the_run(launch, runs):
    assert launch("--mode=runs", f"--workdir={runs['done'].folder}", "--name=base line").status == 0
    assert "base line" in launch("--mode=runs").out
    refused = launch("--mode=runs", f"--workdir={runs['begun'].folder}", "--name=base line")
    assert (refused.status, f"is the name of run {runs['done'].folder}" in refused.err) == (2, True)
    outcome = launch("--mode=evaluate", "--workdir=base line")
    assert f"run {runs['done'].folder} has no checkpoint" in outcome.err
    assert launch("--mode=runs", "--workdir=base line", "--name=").status == 0
    assert not runs["done"].name.exists()


def test_a_name_selects_the_run_in_every_mode(launch, runs):
    folder = runs["done"].folder
    launch("--mode=runs", f"--workdir={folder}", "--name=baseline")
    assert launch("--mode=runs", "--workdir=baseline").out.splitlines()[1].startswith(f"{folder}  baseline")
    assert f"{folder}" in launch("--mode=compare", "--workdir=baseline").out
    with pytest.raises(UserError, match=f"run {folder} has no checkpoint"):
        aersut.evaluate("baseline")
    refused = launch("--mode=runs", f"--workdir={folder}", "--name=a,b")
    assert (refused.status, "without slashes and commas" in refused.err) == (2, True)
    outcome = launch("--mode=train", "--experiment=quickstart", "--workdir=baseline")
    assert f"run folder {folder} contains a run of another experiment" in outcome.err
    assert not Path("baseline").exists()


def test_the_name_of_a_run_and_its_copy_selects_none(launch, runs):
    folder = runs["done"].folder
    launch("--mode=runs", f"--workdir={folder}", "--name=baseline")
    shutil.copytree(folder, folder.with_name("copy"))
    outcome = launch("--mode=runs", "--workdir=baseline", "--delete")
    assert (outcome.status, "is the name of several runs" in outcome.err) == (2, True)
    assert runs["done"].config.exists()


def test_a_run_outside_of_runs_gets_no_name(launch, runs):
    shutil.copytree(runs["done"].folder, "elsewhere")
    outcome = launch("--mode=runs", "--workdir=elsewhere", "--name=baseline")
    assert (outcome.status, "elsewhere is not below" in outcome.err) == (2, True)
    assert not Path("elsewhere/name.txt").exists()


@pytest.mark.parametrize("name", ["a/b", "..", " a", "cache"])
def test_a_name_is_no_path(launch, runs, name):
    Path("cache").mkdir(exist_ok=True)
    assert launch("--mode=runs", f"--workdir={runs['done'].folder}", f"--name={name}").status == 2
    assert not runs["done"].name.exists()


class TestDelete:
    def test_removes_the_named_runs_only(self, launch, runs):
        outcome = launch("--mode=runs", f"--workdir={runs['begun'].folder}", "--delete")
        assert outcome.out == f"deleted {runs['begun'].folder}: 0.0 MB\n"
        assert not runs["begun"].folder.exists()
        assert runs["done"].evaluation.exists()

    def test_removes_a_fine_tuned_run_with_all_that_modes_write(self, launch, runs, finished):
        names = {path.name for path in finished.folder.iterdir()} | {"init.json", "name.txt", "emulation.json"}
        for name in names - {"config.json", "evaluation", "metrics.jsonl", ".lock"}:
            (runs["done"].folder / name).write_text("")
        assert launch("--mode=runs", f"--workdir={runs['done'].folder},{runs['done'].folder}", "--delete").status == 0
        assert not runs["done"].folder.exists()

    def test_removes_no_run_if_one_cannot_be_deleted(self, launch, runs):
        (runs["done"].folder / "thesis.tex").write_text("x")
        folders = f"{runs['begun'].folder},{runs['done'].folder}"
        assert launch("--mode=runs", f"--workdir={folders}", "--delete").status == 2
        assert runs["begun"].config.exists()

    def test_keeps_what_the_user_changed_in_an_exported_bundle(self, launch, runs, finished):
        shutil.copytree(finished.export, runs["done"].export)
        (runs["done"].export / "c" / "main.c").write_text("mine")
        outcome = launch("--mode=runs", f"--workdir={runs['done'].folder}", "--delete")
        assert (outcome.status, "c/main.c. Move them out of the folder to delete the run" in outcome.err) == (2, True)
        assert runs["done"].config.exists()

    def test_removes_no_link(self, launch, runs):
        Path("link").symlink_to(runs["done"].folder)
        outcome = launch("--mode=runs", "--workdir=link", "--delete")
        assert (outcome.status, "link is a link to" in outcome.err) == (2, True)
        assert runs["done"].config.exists()

    def test_needs_a_run_of_ours_without_other_files_that_no_process_trains(self, launch, runs):
        def refused(folder):
            outcome = launch("--mode=runs", f"--workdir={folder}", "--delete")
            assert outcome.status == 2
            return outcome.err

        folder = runs["done"].folder
        assert "is not a run folder" in refused("runs")
        with filelock.FileLock(folder / ".lock"):
            assert "is being trained by another process" in refused(folder)
        (folder / "thesis.tex").write_text("x")
        assert "contains other files (thesis.tex)" in refused(folder)
        Path("checkpoint").mkdir()
        Path("checkpoint/config.json").write_text('{"model_type": "wav2vec2"}')
        assert "is not the configuration of a run" in refused("checkpoint")
        assert "needs --workdir" in launch("--mode=runs", "--delete").err.replace("need ", "needs ")
        assert runs["done"].evaluation.exists()
        assert Path("checkpoint/config.json").exists()


class TestCache:
    @pytest.fixture
    def cache(self, runs, tmp_path):
        for name in ("store", "features", "clips", "mine"):
            (tmp_path / "cache" / name).mkdir(parents=True)
            (tmp_path / "cache" / name / "file").write_bytes(bytes(2_000_000))
        return tmp_path / "cache"

    def test_is_listed_with_its_size(self, launch, cache):
        assert f"cache {cache}: 6.0 MB\n  store             2.0 MB  decoded clips\n" in launch("--mode=runs").out

    def test_is_not_emptied_through_a_link(self, launch, cache):
        cache.joinpath("store").rename("other_disk")
        cache.joinpath("store").symlink_to(Path("other_disk").absolute())
        outcome = launch("--mode=runs", "--empty_cache=all")
        assert (outcome.status, "store is a link to" in outcome.err) == (2, True)
        assert Path("other_disk/file").exists()
        assert (cache / "features/file").exists()

    def test_is_not_emptied_by_a_command_about_a_run(self, launch, cache):
        outcome = launch("--mode=runs", "--workdir=baseline", "--empty_cache=all")
        assert (outcome.status, "concerns all runs" in outcome.err) == (2, True)
        assert "--json is for the list" in launch("--mode=runs", "--empty_cache=all", "--json").err
        assert (cache / "store/file").exists()

    def test_is_emptied_of_what_can_be_computed_again(self, launch, cache):
        assert "--empty_cache=mine is unknown" in launch("--mode=runs", "--empty_cache=mine").err
        assert launch("--mode=runs", "--empty_cache=store").out == "deleted store: 2.0 MB\n"
        assert launch("--mode=runs", "--empty_cache=all").status == 0
        assert {path.name for path in cache.iterdir()} == {"clips", "mine"}
