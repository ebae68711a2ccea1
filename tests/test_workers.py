"""Worker processes and their CPU cores."""

import os
import sys
import time

import pytest

from aersut.workers import core_count, divide_cores, usable_cores, worker_processes


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


def _sleep(begun):
    try:
        begun.touch()
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


def test_processes_are_interrupted_if_the_block_fails(tmp_path):
    begun = tmp_path / "begun"
    with pytest.raises(ValueError, match="stop"), worker_processes(_sleep, [(begun,)], [usable_cores()]) as processes:
        while not begun.exists():
            time.sleep(0.05)
        raise ValueError("stop")
    assert processes[0].exitcode == 3, "it was interrupted, and not waited for"


QUOTA, PERIOD = "cpu.cfs_quota_us", "cpu.cfs_period_us"


class TestCoreCount:
    def test_follows_the_affinity_and_not_the_machine(self, monkeypatch, tmp_path):
        monkeypatch.setattr(os, "cpu_count", lambda: 96)
        assert core_count(tmp_path) == len(usable_cores())

    @pytest.mark.parametrize(
        ("files", "expected"),
        [
            ({"sys/fs/cgroup/cpu.max": "150000 100000"}, 2),
            ({"sys/fs/cgroup/job/cpu.max": "max 100000", "sys/fs/cgroup/cpu.max": "100000 100000"}, 1),
            ({"sys/fs/cgroup/job/step/cpu.max": "50000 100000", "sys/fs/cgroup/cpu.max": "max 100000"}, 1),
            ({"sys/fs/cgroup/cpu/job/" + QUOTA: "300000", "sys/fs/cgroup/cpu/job/" + PERIOD: "100000"}, 3),
            ({"sys/fs/cgroup/cpu/" + QUOTA: "-1", "sys/fs/cgroup/cpu/" + PERIOD: "100000"}, 8),
            ({}, 8),
        ],
    )
    def test_follows_the_limits_of_the_control_groups(self, monkeypatch, tmp_path, files, expected):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
        monkeypatch.setattr(os, "process_cpu_count", lambda: 8, raising=False)
        groups = "4:cpu,cpuacct:/job\n1:name=systemd:/other\n0::/job/step\n"
        for name, content in {"proc/self/cgroup": groups, **files}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        assert core_count(tmp_path) == expected
