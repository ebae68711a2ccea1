"""The training, told from top to bottom."""

import time

import jax
import numpy as np

from aersut import metrics
from aersut.data import collection
from aersut.data.pipeline import AudioSource, FeatureSource, Source, training_batches
from aersut.errors import UserError
from aersut.run import Prepared, Run, build_network, describe, prepare
from aersut.training import records
from aersut.training.checkpoints import Checkpoints
from aersut.training.forward import Forward, cross_entropy
from aersut.training.progress import Progress
from aersut.training.state import create
from aersut.training.step import make_train_step


def train(run: Run) -> bool:
    """Train the run's network up to its last epoch, from where it stopped; say whether there was anything to do.

    Each epoch ends with a line in `metrics.jsonl` and a checkpoint of everything that the next one starts from.

    Raises:
        UserError: the data or the configuration cannot be trained on, or the loss is no number.
    """
    experiment = run.experiment
    with Checkpoints(run.checkpoints) as checkpoints:
        if checkpoints.last >= experiment.epochs:
            return False
        prepared = prepare(run)
        _tell(prepared)
        items = prepared.split.items("train")
        steps = len(items) // experiment.batch_size
        if not steps:
            raise UserError(
                f"experiment.batch_size: {experiment.batch_size} is more than the {len(items)} items of the training "
                "part; make it smaller."
            )
        network = build_network(experiment, prepared.frontend)
        optimizer = experiment.optimizer.build(steps * experiment.epochs)
        graphs, state = create(network, optimizer)
        batches = training_batches(_source(run, prepared), experiment.batch_size, experiment.seed)
        done = checkpoints.last
        if done:
            state = checkpoints.restore(done, state, batches).state
            print(f"going on after epoch {done} of {experiment.epochs}")
        records.cut(run.records, done)

        key = jax.random.fold_in(jax.random.key(experiment.seed), 1)
        step = make_train_step(graphs, optimizer, prepared.frontend, key)
        forward = Forward(graphs, prepared.frontend)
        heard = prepared.split.items("validation")
        features, labels = prepared.features(heard), prepared.labels[heard[:, 0]]
        with Progress(steps * experiment.epochs, steps * done, experiment.batch_size) as progress:
            for epoch in range(done + 1, experiment.epochs + 1):
                begin = time.perf_counter()
                figures = []
                for number in range(1, steps + 1):
                    state, latest = step(state, next(batches))
                    figures.append(latest)
                    if number > 1:  # read one step late, so that the next one is under way meanwhile
                        rate = (number - 1) * experiment.batch_size / (time.perf_counter() - begin)
                        progress.step(float(figures[-2]["loss"]), float(figures[-2]["accuracy"]), rate)
                loss = float(np.mean([figure["loss"] for figure in figures]))
                rate = steps * experiment.batch_size / (time.perf_counter() - begin)
                progress.step(loss, float(figures[-1]["accuracy"]), rate)
                if not np.isfinite(loss):
                    raise UserError(
                        f"the loss became {loss} in epoch {epoch}; epoch {epoch - 1}'s checkpoint is kept. "
                        "Lower experiment.optimizer.learning_rate and start another run."
                    )
                logits = forward(state, features)
                counts = metrics.confusion(labels, logits.argmax(1), len(experiment.data.emotions))
                record = {
                    "epoch": epoch,
                    "step": steps * epoch,
                    "train_loss": loss,
                    "train_accuracy": float(np.mean([figure["accuracy"] for figure in figures])),
                    "validation_loss": cross_entropy(logits, labels),
                    "validation_wa": metrics.wa(counts),
                    "validation_uar": metrics.uar(counts),
                    "clips_per_second": round(rate, 1),
                }
                records.append(run.records, record)
                checkpoints.save(epoch, state, batches, prepared.frontend.scaling, record["validation_uar"])
                progress.line(
                    f"epoch {epoch}/{experiment.epochs}: loss {loss:.4f}, accuracy {record['train_accuracy']:.3f}; "
                    f"validation loss {record['validation_loss']:.4f}, UAR {record['validation_uar']:.3f}; "
                    f"{rate:,.0f} clips/s"
                )
    return True


def _source(run: Run, prepared: Prepared) -> Source:
    items = prepared.split.items("train")
    on_waveform = any(augmenter.domain == "waveform" for augmenter in run.experiment.augment)
    if on_waveform and not run.experiment.augmented_copies:
        return AudioSource(prepared.collection, items, prepared.labels)
    return FeatureSource(prepared.table, items, prepared.labels)


def _tell(prepared: Prepared) -> None:
    for line in collection.describe(prepared.collection):
        print(line)
    print(describe(prepared))
    if prepared.split.warning:
        print(f"WARNING: {prepared.split.warning}")
