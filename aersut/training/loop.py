"""The training, told from top to bottom."""

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import filelock
import grain
import jax
import numpy as np
from jaxtyping import Float

from aersut import metrics
from aersut.data.pipeline import AudioSource, Batch, FeatureSource, Source, training_batches
from aersut.errors import UserError
from aersut.run import Prepared, Run, build_network, make_frontend, prepare
from aersut.training import records
from aersut.training.checkpoints import Checkpoints
from aersut.training.devices import Devices
from aersut.training.forward import Forward, cross_entropy
from aersut.training.journal import Journal
from aersut.training.loss import class_weights
from aersut.training.processes import agree, leads, share
from aersut.training.state import TrainState, create
from aersut.training.step import Figures, Step, make_train_step
from aersut.training.teacher import TrainedTeacher, start_teacher
from aersut.training.trained import load


def train(run: Run, on_epoch: Callable[[dict[str, Any]], None] | None = None) -> bool:
    """Train the run's network up to its last epoch, from where it stopped; say whether there was anything to do.

    Its teacher, where it has one, is trained before. Each epoch ends with a line in `metrics.jsonl` and a checkpoint of
    everything that the next one starts from. Of several processes each computes its share of every batch, and the first
    one writes.

    Args:
        on_epoch: told each epoch's record once its checkpoint is under way; what it raises ends the training, and the
            run can go on later.

    Raises:
        UserError: the data or the configuration cannot be trained on, the loss is no number, or another process trains.
    """
    experiment = run.experiment
    with _alone(run), Checkpoints(run.checkpoints) as checkpoints:
        done = checkpoints.last
        history = records.up_to(run.records, done)
        if done >= experiment.epochs or records.exhausted(history, experiment.patience):
            return False
        with ThreadPoolExecutor(1) as beside:  # computing features leaves a core idle while it compiles
            network = beside.submit(build_network, experiment, make_frontend(experiment))
            prepared = prepare(run)  # before the teacher: from here on, other data is refused to both
        steps = steps_per_epoch(run, prepared)
        devices = Devices(experiment.batch_size)

        optimizer = experiment.optimizer.build(steps * experiment.epochs, steps)
        graphs, state = create(network.result(), optimizer, averaged=experiment.ema > 0)
        state = devices.everywhere(state)
        batches = batches_of(run, prepared)
        if done:
            state = checkpoints.restore(done, state, batches).state
        teacher = _teacher(run, devices)

        key = jax.random.fold_in(jax.random.key(experiment.seed), 1)
        weights = weights_of_classes(run, prepared)
        step = make_train_step(
            *(graphs, optimizer, prepared.frontend, key, experiment.loss, weights, experiment.ema),
            *(experiment.precision, teacher),
        )
        forward = Forward(graphs, prepared.frontend)
        with Journal(run, steps, done) as journal, _settled():
            journal.begin(prepared)
            for epoch in range(done + 1, experiment.epochs + 1):
                state, figures = _one_epoch(step, state, map(devices.divided, batches), steps, journal)
                record = {"epoch": epoch, "step": steps * epoch, **figures, **_validate(prepared, forward, state)}
                history.append(record)
                journal.record(record)
                checkpoints.save(epoch, state, batches, prepared.frontend.scaling, record["validation_uar"])
                if on_epoch is not None:
                    on_epoch(record)
                if records.exhausted(history, experiment.patience):
                    journal.note(f"stopped early: no better validation UAR for {experiment.patience} epochs")
                    break
    return True


def _teacher(run: Run, devices: Devices) -> TrainedTeacher | None:
    """What the run's network learns from; it is trained where it is not yet."""
    teacher = start_teacher(run)
    if teacher is None:
        return None
    if leads():
        print(f"its teacher: run folder {teacher.folder}")
    try:
        train(teacher)
    except UserError as error:
        raise UserError(f"its teacher, experiment.teacher, cannot be trained: {error}") from None
    trained = load(teacher, devices.replicated)
    return TrainedTeacher(trained.graphs.evaluation, trained.frontend, (trained.state.weights, trained.state.rest))


@contextlib.contextmanager
def _alone(run: Run) -> Iterator[None]:
    """Hold the run folder's lock in the leading process; the system takes it from one that dies."""
    lock = filelock.FileLock(run.folder / ".lock", blocking=False)
    problem = ""
    if leads():
        try:
            lock.acquire()
        except filelock.Timeout:
            problem = "is being trained in by another process. Wait for it, or choose another --workdir"
        except OSError as error:
            problem = f"cannot be written: {error.strerror}. Choose another --workdir"
    if agree(bool(problem)):
        raise UserError(f"run folder {run.folder} {problem or 'cannot be had; the first process says why'}.")
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _settled() -> Iterator[None]:
    """Let Python not search for garbage again what there is by now: each time, that takes 0.2 s of JAX's objects."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _one_epoch(
    step: Step, state: TrainState, batches: Iterator[Batch], steps: int, journal: Journal
) -> tuple[TrainState, dict[str, float]]:
    begin, first = time.perf_counter(), int(state.step)
    seen: list[tuple[float, float]] = []
    state, latest = step(state, next(batches))
    for number in range(1, steps):
        before = latest
        state, latest = step(state, next(batches))
        seen.append(_watch(before, first + number, journal))  # one step late: the next one is under way meanwhile
    seen.append(_watch(latest, first + steps, journal))
    loss, accuracy = np.mean(np.array(seen, np.float32), axis=0)
    return state, {
        "train_loss": float(loss),
        "train_accuracy": float(accuracy),
        "clips_per_second": round(steps * journal.batch_size / (time.perf_counter() - begin), 1),
    }


def _validate(prepared: Prepared, forward: Forward, state: TrainState) -> dict[str, float]:
    items = prepared.split.items("validation")
    labels = prepared.labels[items[:, 0]]
    logits = forward(state, prepared.features(items))
    counts = metrics.confusion(labels, logits.argmax(1), logits.shape[1])
    loss = cross_entropy(logits, labels)
    _refuse_nan("the validation loss", loss, int(state.step))
    return {
        "validation_loss": loss,
        "validation_wa": metrics.wa(counts),
        "validation_uar": metrics.uar(counts),
    }


def _watch(figures: Figures, number: int, journal: Journal) -> tuple[float, float]:
    """The step's loss and accuracy, which the journal is told of."""
    loss, accuracy = float(figures["loss"]), float(figures["accuracy"])
    _refuse_nan("the loss", loss, number)
    journal.step(loss, accuracy)
    return loss, accuracy


def _refuse_nan(name: str, loss: float, number: int) -> None:
    if not np.isfinite(loss):
        raise UserError(
            f"{name} became {loss} in step {number}; the checkpoint of the epoch before is kept. Lower "
            "experiment.optimizer.learning_rate, or set clip_norm or warmup beside it, and start another run."
        )


def weights_of_classes(run: Run, prepared: Prepared) -> Float[np.ndarray, " classes"] | None:
    """What each class counts in the loss; None where all count alike."""
    labels = prepared.labels[prepared.split.items("train")[:, 0]]
    return class_weights(labels, prepared.frontend.classes) if run.experiment.loss.class_weights else None


def steps_per_epoch(run: Run, prepared: Prepared) -> int:
    """Whole batches in the training part.

    Raises:
        UserError: there is none.
    """
    items, batch_size = len(prepared.split.items("train")), run.experiment.batch_size
    if batch_size > items:
        raise UserError(
            f"experiment.batch_size: {batch_size} is more than the {items} items of the training part; make it smaller."
        )
    return items // batch_size


def batches_of(run: Run, prepared: Prepared) -> grain.DatasetIterator[Batch]:
    """This process's share of the training batches, without end."""
    experiment = run.experiment
    items = prepared.split.items("train")
    labels = prepared.labels[items[:, 0]]
    source: Source = FeatureSource(prepared.table, items, labels)
    if experiment.on_the_fly:
        source = AudioSource(prepared.collection, items, labels)
    return training_batches(
        source, experiment.batch_size, experiment.seed, balanced=experiment.sampling == "balanced", shard=share()
    )
