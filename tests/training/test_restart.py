"""A killed run resumes, and ends with the results of an uninterrupted one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from aersut.run_folder import open_run
from aersut.training import records, trained
from aersut.training.checkpoints import Checkpoints

ROOT = Path(__file__).parents[2]
EPOCHS = 300


def command(tiny, folder):
    return [
        *(sys.executable, str(ROOT / "launch.py"), "--mode=train", f"--experiment={tiny}", f"--workdir={folder}"),
        f"--experiment.epochs={EPOCHS}",
    ]


def kill(seconds, tiny, folder):
    """Start a training, kill it `seconds` after its start of training, and return the last recorded epoch."""
    sessions = folder / "sessions.jsonl"
    before = len(sessions.read_text().splitlines()) if sessions.exists() else 0
    process = subprocess.Popen(command(tiny, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not sessions.exists() or len(sessions.read_text().splitlines()) == before:
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline, "the training did not begin"
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(records.read_records(folder / "metrics.jsonl"))


def weights(folder):
    run = open_run(folder)
    with Checkpoints(run.checkpoints) as checkpoints:
        last = checkpoints.last
    best = trained.load_trained(run)
    return last, best.epoch, [np.asarray(leaf) for leaf in jax.tree.leaves((best.state.params, best.state.opt_state))]


@pytest.mark.slow  # seven real processes: only they show that a run resumes from any moment
def test_a_run_killed_at_random_moments_ends_bit_for_bit_like_an_uninterrupted_one(tiny, tmp_path, monkeypatch):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")  # which the tests set: the default one is AERSUT's
    uninterrupted, killed = tmp_path / "uninterrupted", tmp_path / "killed"
    begin = time.monotonic()
    subprocess.run(command(tiny, uninterrupted), check=True, capture_output=True, timeout=300)
    compiled = Path(os.environ["AERSUT_CACHE"], "jax")
    assert any(compiled.rglob("*-cache")), "compiled code is cached for the next process"
    # most of that time is the start; the interval covers compilation, steps and saving on machines of different speed
    longest = (time.monotonic() - begin) / 8
    rng = np.random.default_rng(int(time.time()))
    reached = []
    while len(reached) < 5 or not any(reached):
        moment = rng.uniform(0, longest)
        print(f"killed {moment:.2f} s after its start")
        reached.append(kill(moment, tiny, killed))
        if len(reached) >= 5 and not any(reached):
            longest *= 2
        if reached[-1] == EPOCHS:  # it was complete: repeat with shorter intervals
            shutil.rmtree(killed)
            longest /= 2
            reached.clear()
    done = subprocess.run(command(tiny, killed), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr

    sessions = [json.loads(line) for line in (killed / "sessions.jsonl").read_text().splitlines()]
    assert any(session["after_epoch"] for session in sessions), "one resumed from a checkpoint"

    lines = [records.read_records(folder / "metrics.jsonl") for folder in (uninterrupted, killed)]
    for record in (*lines[0], *lines[1]):
        del record["clips_per_second"]
    assert lines[0] == lines[1]
    last, best, tree = weights(uninterrupted)
    last_killed, best_killed, tree_killed = weights(killed)
    assert (last, best) == (last_killed, best_killed)
    assert last == EPOCHS
    for one, other in zip(tree, tree_killed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_records_after_the_checkpoint_are_deleted(launch, tiny, tmp_path):
    run = tmp_path / "run"
    arguments = (f"--experiment={tiny}", f"--workdir={run}", "--mode=train")
    assert launch(*arguments).status == 0
    path = run / "metrics.jsonl"
    before = path.read_text()
    newest = max((run / "checkpoints").iterdir(), key=lambda folder: int(folder.name))
    for file in sorted(newest.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    newest.rmdir()  # as if killed before the last checkpoint was written
    path.write_text(before + '{"epoch": 4, "train_lo')
    assert launch(*arguments).status == 0
    assert [record["epoch"] for record in records.read_records(path)] == [1, 2, 3]
    for old, new in zip(before.splitlines(), path.read_text().splitlines(), strict=True):
        a, b = json.loads(old), json.loads(new)
        del a["clips_per_second"], b["clips_per_second"]
        assert a == b


def test_a_checkpoint_of_another_architecture_is_refused(launch, tiny, tmp_path, finished):
    run = tmp_path / "run"
    run.mkdir()
    config = json.loads(finished.config.read_text())
    config["model"]["dense"] = 17
    (run / "config.json").write_text(json.dumps(config))
    (run / "checkpoints").symlink_to(finished.checkpoints)
    outcome = launch(f"--workdir={run}", "--mode=evaluate")
    assert outcome.status == 2
    assert "another architecture" in outcome.err
