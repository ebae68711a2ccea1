"""The training loop, from top to bottom."""

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import filelock
import numpy as np

from aersut import metrics
from aersut.data.pipeline import Batch
from aersut.errors import UserError, interruptible
from aersut.run import PLUGINS, Prepared, check_plugins, record_plugins, with_classes
from aersut.run_folder import Run
from aersut.training import records
from aersut.training.checkpoints import Checkpoints
from aersut.training.devices import Devices
from aersut.training.distillation import check_split, teacher_run
from aersut.training.forward import Forward, cross_entropy, temperature
from aersut.training.initial_weights import write_origin
from aersut.training.processes import broadcast_from_main, is_main_process
from aersut.training.setup import InitialNetwork, TrainingSetup, set_up
from aersut.training.state import TrainState, flattened
from aersut.training.step import Step, StepMetrics, make_train_step
from aersut.training.trained import Trained, load_trained
from aersut.training.training_log import TrainingLog

HELD = "is being trained by another process. Wait for it, or choose another --workdir"
POLL = 1.0
"""Seconds between two attempts to lock a run folder that another process has locked."""


@interruptible()
def train(run: Run, on_epoch: Callable[[dict[str, Any]], None] | None = None, wait: bool = False) -> bool:
    """Train the network of a run from its last checkpoint to its last epoch.

    A teacher is trained before its student, unless a run of it is complete. Each epoch ends with a line in
    `metrics.jsonl` and, about once a second, a checkpoint of everything that the next epoch depends on. Of several
    processes, each computes a part of every batch, and the main process writes.

    Args:
        on_epoch: called with the record of each epoch while a checkpoint is written; an exception that it raises
            ends the training, which can be resumed later.
        wait: wait while another process trains this run, instead of raising an error.

    Returns:
        Whether there was an epoch left to train.

    Raises:
        UserError: the data or the configuration cannot be trained on, the loss is not finite, or another process
            trains this run.
    """
    # before any thread: while grain 0.2.18 is imported, `__import__` is another one in all threads (by etils), and a
    # thread that traces a network would get modules in place of classes (findings/grain_import_in_threads.sh)
    import grain  # noqa: F401

    with _run_lock(run, wait), contextlib.ExitStack() as opened:
        run, divided = with_classes(run)
        experiment = run.experiment
        # the network compiles while Orbax is imported and the data are prepared; a resumed run needs only its shapes
        network = InitialNetwork(experiment, computed=not run.records.exists())
        keep_best = experiment.select == "best"
        checkpoints = opened.enter_context(Checkpoints(run.checkpoints, keep_best, locked=True))
        done = checkpoints.last
        history = records.up_to(run.records, done)
        if broadcast_from_main(done >= experiment.epochs or records.stops_early(history, experiment.patience)):
            return False
        if done:
            check_plugins(run, *PLUGINS)
        setup = set_up(run, network=network, divided=divided, resumed=bool(done))
        if not done and is_main_process():
            record_plugins(run)
        if done:
            setup = setup.with_scaling(checkpoints.scaling(done))
        # after set_up, which refuses changed data before the teacher is trained on it
        teacher = teacher_run(run)
        if teacher is not None:
            setup = replace(setup, teacher=_trained_teacher(run, teacher, setup.devices))
        step, forward = make_train_step(setup), Forward(setup.graphs, setup.frontend)
        compiled = _start_compiling(setup, step, forward)
        batches = setup.batches()
        if done:
            state, _ = checkpoints.restore(done, setup.state_shapes(), batches)
        else:
            state = setup.initial_state()
        with TrainingLog(run, setup.steps, done) as log, frozen_objects():
            log.begin(setup.prepared, teacher)
            if setup.initial is not None and is_main_process():
                write_origin(run, setup.initial.origin)
                log.note(f"initial weights: {experiment.init.model}; trainable: {experiment.init.trainable}")
            compiled.result()
            for epoch in range(done + 1, experiment.epochs + 1):
                sharded = map(setup.devices.shard, batches)
                state, train_metrics = _one_epoch(step, state, sharded, setup.steps, log)
                validation_metrics = _validate(setup.prepared, forward, state)
                record = {"epoch": epoch, "step": setup.steps * epoch, **train_metrics, **validation_metrics}
                history.append(record)
                log.record(record)
                # the same decision in all processes, which wait for each other in the next step
                early = broadcast_from_main(records.stops_early(history, experiment.patience))
                final = early or epoch == experiment.epochs
                checkpoints.save(epoch, state, batches, setup.frontend.scaling, record["validation_uar"], final)
                if on_epoch is not None:
                    on_epoch(record)
                if early:
                    log.note(f"early stopping: no better validation UAR for {experiment.patience} epochs")
                    break
    return True


def _trained_teacher(run: Run, teacher: Run, devices: Devices) -> Trained:
    """The teacher of a run, which is trained first if it is not yet."""
    if is_main_process():
        print(f"teacher: run folder {teacher.folder}")
    try:
        train(teacher, wait=True)
        check_split(run, teacher)
        trained = load_trained(teacher, devices.replicated)
    except UserError as error:
        raise UserError(f"the teacher, experiment.teacher, cannot be trained: {error}") from None
    # free the memory of what only the teacher's own training needs
    state = replace(trained.state, params=flattened(trained.state.weights), opt_state=(), average=None)
    return replace(trained, state=state)


def _start_compiling(setup: TrainingSetup, step: Step, forward: Forward) -> Future[None]:
    """Compile the step, then the validation, in a thread; meanwhile the network is initialized, or restored.

    The jitted functions find the results. Over several devices they would not: they compile at their first call.
    """

    def compile_both() -> None:
        if setup.devices.replicated is None:
            shapes = setup.state_shapes()
            step.compile(shapes, setup.batch_shapes())
            forward.compile(shapes, setup.frontend.base_shape)

    pool = ThreadPoolExecutor(1)
    future = pool.submit(compile_both)
    pool.shutdown(wait=False)
    return future


@contextlib.contextmanager
def _run_lock(run: Run, wait: bool) -> Iterator[None]:
    """Hold the run folder's lock in the main process; the operating system releases that of a killed process."""
    lock = filelock.FileLock(run.lock, blocking=False)
    problem = _acquire(lock)
    if wait and broadcast_from_main(problem == HELD):
        if is_main_process():
            print(f"waiting for the process that trains run folder {run.folder}", flush=True)
        while broadcast_from_main(problem == HELD):
            time.sleep(POLL)
            problem = _acquire(lock)
    if broadcast_from_main(bool(problem)):
        raise UserError(f"run folder {run.folder} {problem or 'cannot be locked; see the error of process 0'}.")
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: filelock.BaseFileLock) -> str:
    """Acquire a lock in the main process; return why it cannot be, or an empty text."""
    if is_main_process():
        try:
            lock.acquire()
        except filelock.Timeout:
            return HELD
        except OSError as error:
            return f"cannot be written: {error.strerror}. Choose another --workdir"
    return ""


@contextlib.contextmanager
def frozen_objects() -> Iterator[None]:
    """Exclude existing objects from garbage collection, which takes 0.2 s each time for JAX's objects.

    A caller that trains several runs does so within this block, so that JAX's objects are traversed once for all.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _one_epoch(
    step: Step, state: TrainState, batches: Iterator[Batch], steps: int, log: TrainingLog
) -> tuple[TrainState, dict[str, float]]:
    begin, first = time.perf_counter(), int(state.step)
    fetched: list[tuple[float, float]] = []
    state, latest = step(state, next(batches))
    for number in range(1, steps):
        previous = latest
        state, latest = step(state, next(batches))
        fetched.append(_fetch(previous, first + number, log))  # one step late, while the next step is computed
    fetched.append(_fetch(latest, first + steps, log))
    loss, accuracy = np.mean(np.array(fetched, np.float32), axis=0)
    return state, {
        "train_loss": float(loss),
        "train_accuracy": float(accuracy),
        "clips_per_second": round(steps * log.batch_size / (time.perf_counter() - begin), 1),
    }


def _validate(prepared: Prepared, forward: Forward, state: TrainState) -> dict[str, float]:
    examples = prepared.split.examples("validation")
    labels = prepared.labels[examples[:, 0]]
    logits = forward(state, prepared.features(examples))
    counts = metrics.confusion(labels, logits.argmax(1), logits.shape[1])
    loss = cross_entropy(logits, labels)
    _check_finite("the validation loss", loss, int(state.step))
    return {
        "validation_loss": loss,
        "validation_wa": metrics.wa(counts),
        "validation_uar": metrics.uar(counts),
        "temperature": temperature(logits, labels),
    }


def _fetch(step_metrics: StepMetrics, number: int, log: TrainingLog) -> tuple[float, float]:
    """Loss and accuracy of a step, which are also logged."""
    loss, accuracy = float(step_metrics["loss"]), float(step_metrics["accuracy"])
    _check_finite("the loss", loss, number)
    log.step(loss, accuracy)
    return loss, accuracy


def _check_finite(name: str, loss: float, number: int) -> None:
    if not np.isfinite(loss):
        raise UserError(
            f"{name} became {loss} in step {number}; the last checkpoint is kept. Lower "
            "experiment.optimizer.learning_rate, or set its clip_norm or warmup, and start another run."
        )
