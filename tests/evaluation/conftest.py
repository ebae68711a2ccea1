"""A finished run that a test may change."""

import shutil

import pytest

from aersut.run import Run, open_run


@pytest.fixture
def own_run(finished: Run, tmp_path) -> Run:
    """A copy of the finished run."""
    shutil.copytree(finished.folder, tmp_path / "own")
    return open_run(tmp_path / "own")
