"""Several workers on one study, on one machine and through a database server; dead workers and server failures."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from aersut.sweep import study
from aersut.sweep import trial as trials
from aersut.training import records
from aersut.training.loop import train

ROOT = Path(__file__).parents[2]
SMALL = (
    "--experiment.augmented_copies=0",
    "--experiment.augment=",
    "--experiment.model.filters=4",
    "--experiment.model.kernels=3",
)


def command(tiny, folder, *more):
    return [sys.executable, str(ROOT / "launch.py"), "--mode=sweep", f"--experiment={tiny}", *SMALL,
            f"--workdir={folder}", *more]  # fmt: skip


def ended(trials, state=TrialState.COMPLETE):
    return [trial for trial in trials if trial.state == state]


@pytest.mark.slow  # two real processes: only this shows that they share a study
def test_two_workers_of_one_command_share_the_trials(tiny, tmp_path):
    flags = ("--sweep.optimizer.learning_rate=1e-4:1e-2:log", "--sampler=random", "--trials=4", "--workers=2")
    done = subprocess.run(
        command(tiny, tmp_path, *flags, "--experiment.epochs=20"), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "4 of 4 trials ended" in done.stdout
    url = f"sqlite:///{tmp_path / 'study.db'}"
    trials = ended(optuna.load_study(study_name=optuna.get_all_study_names(url)[0], storage=url).trials)
    assert len(trials) == 4
    assert len({trial.params["optimizer.learning_rate"] for trial in trials}) == 4, "they sample different values"
    together = [
        (one.number, other.number)
        for one in trials
        for other in trials
        if one.number < other.number and other.datetime_start < one.datetime_complete
    ]
    assert together, "two trials ran at once"


@pytest.mark.slow  # a real server and two real processes, one of them killed, as on a cluster
def test_a_killed_workers_trial_is_resumed_and_counted_once(tiny, tmp_path, postgres):
    rates = "1e-4,1e-3,3e-3"
    asked = command(
        tiny, tmp_path, f"--sweep.optimizer.learning_rate={rates}", f"--storage={postgres}", "--study=killed",
        "--heartbeat=1", "--experiment.epochs=120",
    )  # fmt: skip
    output = [(tmp_path / name).open("w") for name in ("first.txt", "second.txt")]
    workers = [subprocess.Popen(asked, stdout=file, stderr=file, start_new_session=True) for file in output]
    victim, survivor = workers
    try:
        deadline = time.monotonic() + 240
        while not (runs := running_of(victim, tmp_path)):
            assert [worker.poll() for worker in workers] == [None, None], "they ended before one was killed"
            assert time.monotonic() < deadline, "no trial had a checkpoint"
            time.sleep(0.02)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        assert survivor.wait(300) == 0, (tmp_path / "second.txt").read_text()
    finally:
        for worker, file in zip(workers, output, strict=True):
            worker.kill()
            worker.wait()
            file.close()
    storage = optuna.storages.RDBStorage(postgres.replace("://", "+psycopg://"))
    trials = optuna.load_study(study_name="killed", storage=storage).trials
    storage.engine.dispose()
    rates_of = [trial.params["optimizer.learning_rate"] for trial in ended(trials)]
    assert sorted(rates_of) == sorted(rates.split(",")), "each rate once"
    assert len(ended(trials, TrialState.FAIL)) == 1, "the killed worker's trial"
    assert len(trials) == 4
    assert "3 of 3 trials ended" in (tmp_path / "second.txt").read_text()
    (run,) = runs
    assert "after epoch" in (run / "log.txt").read_text(), "from its own checkpoint"
    assert [record["epoch"] for record in records.read_records(run / "metrics.jsonl")] == list(range(1, 121))


def running_of(worker, folder):
    """The run folders in which a process is training, with a checkpoint and with many epochs left."""
    runs = []
    for lock in folder.glob("trials/*/.lock"):
        epochs = len(records.read_records(lock.parent / "metrics.jsonl"))
        saved = any(folder.name.isdigit() for folder in lock.parent.glob("checkpoints/*"))
        if saved and 3 <= epochs <= 90 and lock.stat().st_ino in open_files(worker.pid):
            runs.append(lock.parent)
    return runs


def open_files(pid):
    """The inodes of the files that a process holds open."""
    found = set()
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            found.add(os.stat(link).st_ino)  # noqa: PTH116
    except OSError:  # the process closed a file meanwhile
        pass
    return found


def test_a_worker_waits_for_a_server_that_restarts(launch, tiny, tmp_path, server, monkeypatch):
    asked = away_command(tiny, tmp_path, server.url, "restarted")
    threads = []

    def restarted(run, on_epoch):
        if not threads:
            server.stop()
            threads.append(threading.Timer(1, server.start))
            threads[0].start()
        return train(run, on_epoch)

    monkeypatch.setattr(trials, "train", restarted)
    done = launch(*asked)
    threads[0].join()
    assert done.status == 0, done.err
    assert "2 of 2 trials ended" in done.out


def test_a_server_that_stays_away_ends_the_worker_and_loses_nothing(launch, tiny, tmp_path, server, monkeypatch):
    asked = away_command(tiny, tmp_path, server.url, "gone")
    assert launch(*asked, "--trials=1").status == 0

    def gone(run, on_epoch):
        server.stop()
        return train(run, on_epoch)

    with monkeypatch.context() as patch:
        patch.setattr(study, "RECONNECT_TIMEOUT", 0.0)
        patch.setattr(trials, "train", gone)
        stopped = launch(*asked)
    assert stopped.status == 2
    assert "does not respond" in stopped.err
    assert "run the same command again to resume" in stopped.err
    server.start()
    printed = launch(*asked, "--status")
    assert "1 of 2 trials ended, 1 running" in printed.out


def away_command(tiny, folder, url, name):
    return [
        "--mode=sweep", f"--experiment={tiny}", *SMALL, "--experiment.epochs=1", f"--workdir={folder}",
        "--sweep.optimizer.learning_rate=1e-3,1e-2", f"--study={name}", f"--storage={url}",
    ]  # fmt: skip


def test_an_unreachable_server_stops_the_worker_and_loses_nothing(launch, tiny, tmp_path, postgres):
    asked = away_command(tiny, tmp_path, postgres, "away")
    assert launch(*asked, "--trials=1").status == 0
    nowhere = postgres.rpartition(":")[0] + ":1/postgres"
    stopped = launch(*away_command(tiny, tmp_path, nowhere, "away"))
    assert stopped.status == 2
    assert "does not respond" in stopped.err
    printed = launch(*asked, "--status")
    assert "1 of 2 trials ended" in printed.out
