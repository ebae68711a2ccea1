"""The environment of a training, which is recorded in its run folder and shown in its report."""

import sys

import pytest

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
