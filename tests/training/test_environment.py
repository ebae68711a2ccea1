"""The environment of a training, which is recorded in its run folder and shown in its report."""

import subprocess
import sys

import pytest

from aersut.training import environment as module
from aersut.training.environment import environment


@pytest.mark.parametrize(
    ("given", "recorded"),
    [
        ("--storage=postgresql://me:secret@host/db", "--storage=postgresql://***@host/db"),
        ("--storage=postgresql://me@host/db", "--storage=postgresql://***@host/db"),
        ("--storage=postgresql://host/db", "--storage=postgresql://host/db"),
        ("--experiment.data.root=/a@b/c", "--experiment.data.root=/a@b/c"),
    ],
)
def test_its_command_has_no_password(given, recorded, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["launch.py", given])
    assert environment()["command"] == ["launch.py", recorded]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The repository of another project, in whose virtual environment AERSUT is installed."""
    installed = tmp_path / ".venv" / "environment.py"
    installed.parent.mkdir()
    installed.touch()
    (tmp_path / ".gitignore").write_text(".venv\n")
    monkeypatch.setattr(module, "__file__", str(installed))
    return tmp_path


def commit(folder, *files):
    author = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    for command in (["init", "-q"], ["add", "-f", *files], [*author, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)


def test_the_revision_is_not_that_of_a_repository_around_the_package(project):
    assert environment()["revision"] is None
    commit(project, ".gitignore")
    assert environment()["revision"] is None


def test_the_revision_is_that_of_a_repository_that_has_the_package(project):
    commit(project, ".gitignore", ".venv/environment.py")
    revision = environment()["revision"]
    assert len(revision) == 40
    (project / ".gitignore").write_text("changed\n")
    assert environment()["revision"] == f"{revision}+"
