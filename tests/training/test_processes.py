"""What connects several processes is said on the command line or in the environment, or the mistake is named."""

import pytest

from aersut.errors import UserError
from aersut.training import processes


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch):
    for name in ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"):
        monkeypatch.delenv(name, raising=False)


def test_a_process_by_itself_leads_and_has_the_whole_batch():
    processes.join(None, None, None)
    assert processes.leads()
    assert processes.share() == (0, 1)
    assert processes.agree(True) is True
    assert processes.agree(False) is False


@pytest.mark.parametrize(("count", "index"), [(2, None), (None, 1)])
def test_a_count_without_a_coordinator_is_refused(count, index):
    with pytest.raises(UserError, match="--processes and --process need --coordinator=HOST:PORT"):
        processes.join(None, count, index)


@pytest.mark.parametrize("arguments", [("localhost:1", None, None), ("localhost:1", 2, None), ("localhost", 2, 0)])
def test_what_is_missing_is_named(arguments):
    with pytest.raises(UserError, match=r"expected --coordinator=HOST:PORT --processes=COUNT --process=INDEX"):
        processes.join(*arguments)


def test_an_index_beyond_the_count_is_refused():
    with pytest.raises(UserError, match="over localhost:1: there is no process 2 of 2; they count from 0"):
        processes.join("localhost:1", 2, 2)


def test_the_environment_stands_in_for_the_flags(monkeypatch):
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "localhost:1")
    monkeypatch.setenv("JAX_NUM_PROCESSES", "2")
    monkeypatch.setenv("JAX_PROCESS_ID", "two")
    with pytest.raises(UserError, match="the environment's JAX_PROCESS_ID is 'two': expected a number"):
        processes.join(None, None, None)
    monkeypatch.setenv("JAX_PROCESS_ID", "3")
    with pytest.raises(UserError, match="there is no process 3 of 2"):
        processes.join(None, None, None)


def test_the_flags_go_with_training_only(launch):
    ran = launch("--experiment=quickstart", "--mode=evaluate", "--processes=2")
    assert ran.status == 2
    assert "--processes goes with --mode=train" in ran.err
