"""Step and validation are compiled once, in a thread, while the main thread prepares the first step."""

import logging
from dataclasses import replace
from pathlib import Path

import jax
import pytest

from aersut.errors import UserError
from aersut.experiment import load_experiment
from aersut.run_folder import start
from aersut.training.loop import train

TINY = str(Path(__file__).parents[1] / "tiny.py")
# widths that no other test has, since a process compiles a configuration once
CACHED = {"model.dense": "17"}
AUGMENTED = {"model.dense": "18", "augmented_copies": "0", "augment": "noise", "ema": "0.9", "optimizer": "adamw"}


class StoppedError(Exception):
    pass


def stop(record):
    raise StoppedError


@pytest.fixture
def compiled(caplog):
    """The function that returns the threads of compilations by the name of the compiled function, since the last call.

    JAX logs each compilation once, with the name of the function.
    """
    before = jax.config.jax_log_compiles
    jax.config.update("jax_log_compiles", True)

    def taken():
        found = {}
        for record in caplog.records:
            text = record.getMessage()
            if text.startswith("Finished XLA compilation of jit("):
                found.setdefault(text.split("(")[1].split(")")[0], []).append(record.threadName)
        caplog.clear()
        return found

    with caplog.at_level(logging.WARNING):
        yield taken
    jax.config.update("jax_log_compiles", before)


@pytest.mark.parametrize("overrides", [CACHED, AUGMENTED], ids=["cached copies", "on the fly, with an average"])
def test_step_and_validation_are_compiled_once_before_the_first_step(overrides, tmp_path, compiled):
    run = start(load_experiment(TINY, overrides.items()), tmp_path / "run")
    for _ in ("new", "resumed"):
        with pytest.raises(StoppedError):
            train(run, stop)
    threads = compiled()
    for name in ("step", "forward"):
        assert len(threads[name]) == 1
        assert threads[name] != ["MainThread"]


def test_a_resumed_training_does_not_initialize_the_network(tmp_path, compiled):
    run = start(load_experiment(TINY, {"model.dense": "19"}.items()), tmp_path / "run")
    with pytest.raises(StoppedError):
        train(run, stop)
    assert "initialize" in compiled()
    other = replace(run, experiment=replace(run.experiment, model=replace(run.experiment.model, dense=20)))
    with pytest.raises(UserError, match="another architecture"):
        train(other)
    assert "initialize" not in compiled()
