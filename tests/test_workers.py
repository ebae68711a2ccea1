"""Worker processes and their CPU cores."""

import os
import sys
import time

import pytest

from aersut.workers import divide_cores, usable_cores, worker_processes


@pytest.mark.parametrize("workers", range(1, 6))
def test_the_cores_are_divided_evenly(workers):
    cores = {0, 1, 5, 6}
    given = divide_cores(cores, workers)
    assert len(given) == workers
    assert set.union(*given) == cores
    assert all(given), "each worker has at least one core"
    assert max(map(len, given)) - min(map(len, given)) <= 1
    if workers <= len(cores):
        assert sum(map(len, given)) == len(cores), "no core is shared while there are enough"


def _write_cores(path):
    path.write_text(repr(os.sched_getaffinity(0)))


def _sleep():
    try:
        time.sleep(99)
    except KeyboardInterrupt:
        sys.exit(3)


@pytest.mark.skipif(sys.platform != "linux", reason="cores can be chosen on Linux only")
def test_each_process_has_its_own_cores(tmp_path):
    before = usable_cores()
    chosen = divide_cores(before, 2)
    paths = [tmp_path / "a", tmp_path / "b"]
    with worker_processes(_write_cores, [(path,) for path in paths], chosen):
        pass
    assert [path.read_text() for path in paths] == [repr(cores) for cores in chosen]
    assert usable_cores() == before


def test_processes_are_interrupted_if_the_block_fails():
    with pytest.raises(ValueError, match="stop"), worker_processes(_sleep, [()], [usable_cores()]) as processes:
        time.sleep(1.0)
        raise ValueError("stop")
    assert processes[0].exitcode is not None
