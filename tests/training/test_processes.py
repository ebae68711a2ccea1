"""Processes are connected by flags or by the environment, and mistakes in them are reported."""

import pytest

from aersut.errors import UserError
from aersut.training import processes


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch):
    for name in ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"):
        monkeypatch.delenv(name, raising=False)


def test_a_single_process_is_the_main_process():
    processes.connect(None, None, None)
    assert processes.is_main_process()
    assert processes.broadcast_from_main(True) is True
    assert processes.broadcast_from_main(False) is False


@pytest.mark.parametrize(("count", "index"), [(2, None), (None, 1)])
def test_a_count_without_a_coordinator_is_refused(count, index):
    with pytest.raises(UserError, match="--processes and --process need --coordinator=HOST:PORT"):
        processes.connect(None, count, index)


@pytest.mark.parametrize("arguments", [("localhost:1", None, None), ("localhost:1", 2, None), ("localhost", 2, 0)])
def test_a_missing_value_is_reported(arguments):
    with pytest.raises(UserError, match=r"expected --coordinator=HOST:PORT --processes=COUNT --process=INDEX"):
        processes.connect(*arguments)


def test_an_index_beyond_the_count_is_refused():
    with pytest.raises(UserError, match="over localhost:1: there is no process 2 of 2; the index counts from 0"):
        processes.connect("localhost:1", 2, 2)


def test_the_environment_replaces_missing_flags(monkeypatch):
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "localhost:1")
    monkeypatch.setenv("JAX_NUM_PROCESSES", "2")
    monkeypatch.setenv("JAX_PROCESS_ID", "two")
    with pytest.raises(UserError, match="the environment's JAX_PROCESS_ID is 'two': expected a number"):
        processes.connect(None, None, None)
    monkeypatch.setenv("JAX_PROCESS_ID", "3")
    with pytest.raises(UserError, match="there is no process 3 of 2"):
        processes.connect(None, None, None)


def test_the_flags_are_for_training_only(launch):
    ran = launch("--experiment=quickstart", "--mode=evaluate", "--processes=2")
    assert ran.status == 2
    assert "--processes goes with --mode=train" in ran.err
