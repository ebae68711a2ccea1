"""The training, told from top to bottom."""

import contextlib
import time
from collections.abc import Iterator

import filelock
import jax
import numpy as np
from jaxtyping import Float

from aersut import metrics
from aersut.data import collection
from aersut.data.pipeline import AudioSource, Batch, FeatureSource, Source, training_batches
from aersut.errors import UserError
from aersut.run import Prepared, Run, build_network, describe, prepare
from aersut.training import records
from aersut.training.checkpoints import Checkpoints
from aersut.training.devices import Devices
from aersut.training.environment import environment
from aersut.training.events import Events
from aersut.training.forward import Forward, cross_entropy
from aersut.training.loss import class_weights
from aersut.training.progress import Progress
from aersut.training.state import TrainState, create
from aersut.training.step import Figures, Step, make_train_step


def train(run: Run) -> bool:
    """Train the run's network up to its last epoch, from where it stopped; say whether there was anything to do.

    Each epoch ends with a line in `metrics.jsonl` and a checkpoint of everything that the next one starts from.

    Raises:
        UserError: the data or the configuration cannot be trained on, the loss is no number, or another process trains.
    """
    experiment = run.experiment
    with _alone(run), Checkpoints(run.checkpoints) as checkpoints:
        done = checkpoints.last
        records.cut(run.records, done)
        if done >= experiment.epochs or records.exhausted(run.records, experiment.patience):
            return False
        prepared = prepare(run)
        _tell(prepared)
        steps = _steps(run, prepared)
        devices = Devices(experiment.batch_size)

        optimizer = experiment.optimizer.build(steps * experiment.epochs, steps)
        network = build_network(experiment, prepared.frontend)
        graphs, state = create(network, optimizer, averaged=experiment.ema > 0)
        state = devices.everywhere(state)
        balanced = experiment.sampling == "balanced"
        batches = training_batches(_source(run, prepared), experiment.batch_size, experiment.seed, balanced)
        if done:
            state = checkpoints.restore(done, state, batches).state
            print(f"going on after epoch {done} of {experiment.epochs}")

        key = jax.random.fold_in(jax.random.key(experiment.seed), 1)
        weights = _class_weights(run, prepared)
        step = make_train_step(graphs, optimizer, prepared.frontend, key, experiment.loss, weights, experiment.ema)
        forward = Forward(graphs, prepared.frontend)
        records.append(run.sessions, {"after_epoch": done, "seed": experiment.seed, **environment()})
        with (
            Progress(steps * experiment.epochs, steps * done, experiment.batch_size) as progress,
            Events(run.folder / "tensorboard", steps * done) as events,
        ):
            for epoch in range(done + 1, experiment.epochs + 1):
                state, figures = _one_epoch(step, state, map(devices.divided, batches), steps, progress)
                record = {"epoch": epoch, "step": steps * epoch, **figures, **_validate(prepared, forward, state)}
                records.append(run.records, record)
                events.write(record)
                checkpoints.save(epoch, state, batches, prepared.frontend.scaling, record["validation_uar"])
                progress.epoch(record, experiment.epochs)
                if records.exhausted(run.records, experiment.patience):
                    progress.note(f"stopped early: no better validation UAR for {experiment.patience} epochs")
                    break
    return True


@contextlib.contextmanager
def _alone(run: Run) -> Iterator[None]:
    """Hold the run folder's lock; the system takes it from a process that dies."""
    lock = filelock.FileLock(run.folder / ".lock", blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UserError(
            f"run folder {run.folder} is being trained in by another process. Wait for it, or choose another --workdir."
        ) from None
    except OSError as error:
        raise UserError(
            f"run folder {run.folder} cannot be written: {error.strerror}. Choose another --workdir."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _one_epoch(
    step: Step, state: TrainState, batches: Iterator[Batch], steps: int, progress: Progress
) -> tuple[TrainState, dict[str, float]]:
    begin, first = time.perf_counter(), int(state.step)
    figures = []
    for number in range(steps):
        state, latest = step(state, next(batches))
        figures.append(latest)
        if number:  # read one step late, so that the next one is under way meanwhile
            _watch(figures[-2], first + number, progress)
    _watch(figures[-1], first + steps, progress)
    return state, {
        "train_loss": float(np.mean([figure["loss"] for figure in figures])),
        "train_accuracy": float(np.mean([figure["accuracy"] for figure in figures])),
        "clips_per_second": round(steps * progress.batch_size / (time.perf_counter() - begin), 1),
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


def _watch(figures: Figures, number: int, progress: Progress) -> None:
    loss = float(figures["loss"])
    _refuse_nan("the loss", loss, number)
    progress.step(loss, float(figures["accuracy"]))


def _refuse_nan(name: str, loss: float, number: int) -> None:
    if not np.isfinite(loss):
        raise UserError(
            f"{name} became {loss} in step {number}; the checkpoint of the epoch before is kept. Lower "
            "experiment.optimizer.learning_rate, or set clip_norm or warmup beside it, and start another run."
        )


def _class_weights(run: Run, prepared: Prepared) -> Float[np.ndarray, " classes"] | None:
    labels = prepared.labels[prepared.split.items("train")[:, 0]]
    return class_weights(labels, prepared.frontend.classes) if run.experiment.loss.class_weights else None


def _steps(run: Run, prepared: Prepared) -> int:
    items, batch_size = len(prepared.split.items("train")), run.experiment.batch_size
    if batch_size > items:
        raise UserError(
            f"experiment.batch_size: {batch_size} is more than the {items} items of the training part; make it smaller."
        )
    return items // batch_size


def _source(run: Run, prepared: Prepared) -> Source:
    items = prepared.split.items("train")
    labels = prepared.labels[items[:, 0]]
    if run.experiment.on_the_fly:
        return AudioSource(prepared.collection, items, labels)
    return FeatureSource(prepared.table, items, labels)


def _tell(prepared: Prepared) -> None:
    for line in collection.describe(prepared.collection):
        print(line)
    print(describe(prepared))
    if prepared.split.warning:
        print(f"WARNING: {prepared.split.warning}")
