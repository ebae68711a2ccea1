"""Training and prediction speed of the paper's networks, against Keras on TensorFlow and PyTorch (where installed).

    python benchmarks/training.py [--repeats 3] [--json] [--baseline REVISION] [--speech FOLDER --peer SCRIPT]
        [--parts networks,first_step,saving,whole_job]

The same architectures, batch 32, 13 × 130 generated features of 2,048 clips, Adam, the same cores. Each measurement is
a process of its own, of AERSUT and peers in turn; medians are printed. Training includes data loading: AERSUT's grain
pipeline reads a file, Keras' `fit` and PyTorch read memory. Clips/s are those of the second and third epoch.

floor_ms is the time of the step's matmuls alone, in the same process; forward_ms, gradient_ms and step_ms show the
rest. first_step_s is the time from the start of launch.py to the first epoch's line, for an epoch of two steps and its
validation, without a compilation cache; first_step_cached_s is the same with one. saving_fraction is the fraction of
the training time in which training waits for checkpoints. whole_job_* is the time from the audio files of --speech
(RAVDESS) to an evaluated model, 40 epochs with 2 augmented copies, against a script with librosa and Keras.

With --baseline, an earlier revision of AERSUT runs in turn: *_baseline_*, and *_ratio, now / baseline.
"""

import argparse
import functools
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from baseline import Build, both_builds, with_ratios
from common import require_peers

if TYPE_CHECKING:
    from aersut.training.state import Graphs, TrainState

CLIPS, FRAMES, CHANNELS, CLASSES, BATCH = 2_048, 130, 13, 8, 32
BLOCKS = ((256, 5), (128, 3), (64, 3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object, metric name → number")
    parser.add_argument(
        "--speech",
        type=Path,
        help="a data root with RAVDESS, for saving_fraction and whole_job_*; for --peer, with nothing else",
    )
    parser.add_argument("--peer", type=Path, help="a peer: SCRIPT FOLDER --model cnn --epochs 40 does the whole job")
    parser.add_argument("--baseline", help="an earlier revision, for first_step and whole_job")
    parser.add_argument("--parts", default="networks,first_step,saving,whole_job", help="what to measure")
    parser.add_argument("--run", nargs=2, metavar=("WAY", "MODEL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        way, model = arguments.run
        print(json.dumps({"ours": ours, "keras": keras, "torch": torch, "saving": saving_time}[way](model)))
        return
    parts = arguments.parts.split(",")
    builds = both_builds(arguments.baseline)
    ways = ["ours", "keras", *(["torch"] if importlib.util.find_spec("torch") else [])]
    metrics: dict[str, float] = {}
    if "networks" in parts:
        require_peers("keras")
        for model in ("cnn", "cnn_lstm"):
            metrics |= measured(model, ways, arguments.repeats)
    if "first_step" in parts:
        metrics |= first_step(builds, arguments.repeats)
    if "saving" in parts and arguments.speech:
        metrics["saving_fraction"] = saving(arguments.speech)
    if "whole_job" in parts and arguments.speech and arguments.peer:
        require_peers("keras", "librosa")
        metrics |= whole_job(builds, arguments.speech, arguments.peer, arguments.repeats)
    if arguments.json:
        print(json.dumps(metrics))
        return
    for name, value in metrics.items():
        print(f"{name:32}{value:10.2f}")


def measured(model: str, ways: list[str], repeats: int) -> dict[str, float]:
    taken: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way in ways:
            taken[way].append(child(way, model))
    medians = {
        way: {key: statistics.median(one[key] for one in runs) for key in runs[0]} for way, runs in taken.items()
    }
    metrics = {f"{model}_{way}_clips_per_s": medians[way]["train"] for way in ways}
    for way in ways[1:]:
        metrics[f"{model}_vs_{way}"] = medians["ours"]["train"] / medians[way]["train"]
        metrics[f"{model}_predict_vs_{way}"] = medians["ours"]["predict"] / medians[way]["predict"]
    for name in ("floor_ms", "forward_ms", "gradient_ms", "step_ms"):
        metrics[f"{model}_{name}"] = medians["ours"][name]
    metrics[f"{model}_floor_fraction"] = medians["ours"]["floor_ms"] / medians["ours"]["step_ms"]
    return metrics


def child(way: str, model: str, **environment: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--run", way, model]
    ran = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
    )
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def first_step(builds: dict[str, Build], repeats: int) -> dict[str, float]:
    """Seconds from the start of launch.py to the line of the first epoch, of each build in turn."""
    arguments = [
        *("--mode=train", "--experiment=cnn_combined", "--experiment.data.corpora=synthetic", "--experiment.epochs=1"),
        *("--experiment.data.corpora.0.speakers=10", "--experiment.data.corpora.0.repetitions=1"),
        *("--experiment.augmented_copies=0", "--experiment.augment="),
    ]

    def taken(build: Build, run: Path, cache: Path) -> float:
        begin = time.perf_counter()
        with build.start(*arguments, f"--workdir={run}", cache=cache) as process:
            assert process.stdout is not None
            next(line for line in process.stdout if line.startswith("epoch 1/"))
            return time.perf_counter() - begin

    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(repeats + 1):
            for name, build in builds.items():
                cache, run = Path(folder) / name, Path(folder) / f"{name}-{number}"
                # the first round decodes the clips and computes their features
                shutil.rmtree(cache / "jax", ignore_errors=True)
                for kind in ("first_step", "first_step_cached"):
                    times.setdefault(f"{kind}{name}_s", []).append(taken(build, Path(f"{run}-{kind}"), cache))
    return with_ratios({name: statistics.median(values[1:]) for name, values in times.items()})


def saving(speech: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return child("saving", str(speech), AERSUT_CACHE=folder)["fraction"]


def whole_job(builds: dict[str, Build], speech: Path, peer: Path, repeats: int) -> dict[str, float]:
    """Seconds from the audio files to an evaluated model, of each build and of the peer in turn, and their memory."""
    arguments = [
        *("--experiment=cnn_combined", f"--experiment.data.root={speech}", "--experiment.data.corpora=ravdess"),
        "--experiment.epochs=40",
    ]
    times: dict[str, list[float]] = {}
    peaks: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, build in builds.items():
            with tempfile.TemporaryDirectory() as folder:
                begin = time.perf_counter()
                for mode in ("train", "evaluate"):
                    command = [*arguments, f"--mode={mode}", f"--workdir={folder}/run"]
                    peaks.setdefault(f"peak_memory{name}_mb", []).append(
                        build.peak_memory(*command, cache=Path(folder))
                    )
                times.setdefault(f"whole_job{name}_s", []).append(time.perf_counter() - begin)
        begin = time.perf_counter()
        command = [sys.executable, str(peer), str(speech), "--model", "cnn", "--protocol", "speaker", "--epochs", "40"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
        times.setdefault("whole_job_peer_s", []).append(time.perf_counter() - begin)
    metrics = {name: statistics.median(values) for name, values in times.items()}
    metrics["whole_job_vs_peer"] = metrics["whole_job_peer_s"] / metrics["whole_job_s"]
    return with_ratios(metrics | {name: max(values) for name, values in peaks.items()})


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return (
        rng.standard_normal((CLIPS, FRAMES, CHANNELS), np.float32),
        rng.integers(0, CLASSES, CLIPS).astype(np.int32),
    )


def rate(epoch: Callable[[], object], predict: Callable[[], object]) -> dict[str, float]:
    """Clips/s of the two epochs after the first, and of ten predictions: a single one takes a third of a second."""
    begin = time.perf_counter()
    epoch()
    epoch()
    train = 2 * CLIPS / (time.perf_counter() - begin)
    predict()
    begin = time.perf_counter()
    for _ in range(10):
        predict()
    return {
        "train": train,
        "predict": 10 * CLIPS / (time.perf_counter() - begin),
    }


def ours(name: str) -> dict[str, float]:
    from flax import nnx

    from aersut.config import Experiment
    from aersut.contracts import Framing
    from aersut.data.feature_table import FeatureTable
    from aersut.data.pipeline import FeatureSource, training_batches
    from aersut.features import MFCC
    from aersut.features.frontend import Frontend
    from aersut.registry import MODELS
    from aersut.training.forward import Forward
    from aersut.training.optimizers import Adam
    from aersut.training.state import create
    from aersut.training.step import StepSetup, make_train_step

    features, labels = data()
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "features.npy", features[:, None])
        items = np.stack([np.arange(CLIPS), np.zeros(CLIPS, int)], axis=1)
        frontend = Frontend(Framing(), (MFCC(),), (), CLASSES)
        batches = training_batches(
            FeatureSource(FeatureTable(Path(folder) / "features.npy"), items, labels), BATCH, seed=0
        )
        network, per_epoch = MODELS[name]().build(FRAMES, CHANNELS, CLASSES, nnx.Rngs(0)), CLIPS // BATCH
        graphs, state = create(network, Adam().build(1000, per_epoch))
        step = make_train_step(StepSetup(Experiment(), frontend, graphs, Adam(), per_epoch))

        def steps(count: int) -> None:
            nonlocal state
            for _ in range(count):
                state, metrics = step(state, next(batches))
            float(metrics["loss"])

        steps(CLIPS // BATCH)
        forward = Forward(graphs, frontend)
        rates = rate(lambda: steps(CLIPS // BATCH), lambda: forward(state, features))
        return rates | step_times(graphs, state, features, labels) | {"step_ms": 1000 * BATCH / rates["train"]}


def step_times(graphs: "Graphs", state: "TrainState", features: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Milliseconds of the step's matmuls alone, of the forward pass, and of the forward and the backward pass."""
    import jax
    import jax.numpy as jnp
    import optax

    def loss(params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        network = graphs.network(params, state.rest, training=True)
        return optax.softmax_cross_entropy_with_integer_labels(network(x), y).mean()

    batch = jnp.asarray(features[:BATCH]), jnp.asarray(labels[:BATCH])
    # a convolution is the matmul of its columns and its kernel; with kernel size 3, it is four matmuls of half as many
    # rows (Winograd). Each weight has one matmul in the forward pass and two of the same size in the backward pass, for
    # its own gradient and for that of its input, which the first layer does not need
    products, frames = [], FRAMES
    for path, leaf in jax.tree.leaves_with_path(state.params):
        name, shape = jax.tree_util.keystr(path), leaf.shape
        if "kernel" not in name and "recurrent" not in name:
            continue
        many: tuple[int, ...] = ()
        rows = BATCH
        if "blocks" in name:
            size, *shape = shape
            if size == 3:
                rows, many = BATCH * -(-frames // 2), (4,)
            else:
                rows, shape = BATCH * frames, (size * shape[0], shape[1])
            frames //= 2
        elif "lstms" in name:
            rows = BATCH * (FRAMES >> len(BLOCKS))
        first = shape[0] == CHANNELS * BLOCKS[0][1]
        products += [(many, rows, *shape), (many, shape[0], rows, shape[1])]
        products += [] if first else [(many, rows, shape[1], shape[0])]
    rng = np.random.default_rng(0)
    pairs = [
        tuple(jnp.asarray(rng.standard_normal(size, np.float32)) for size in ((*many, m, k), (*many, k, n)))
        for many, m, k, n in products
    ]
    multiply, forward, gradient = jax.jit(lambda a, b: a @ b), jax.jit(loss), jax.jit(jax.value_and_grad(loss))
    return {
        "floor_ms": sum(milliseconds(functools.partial(multiply, *pair)) for pair in pairs),
        "forward_ms": milliseconds(lambda: forward(state.params, *batch)),
        "gradient_ms": milliseconds(lambda: gradient(state.params, *batch)),
    }


def milliseconds(function: Callable[[], object]) -> float:
    import jax

    taken = []
    for _ in range(20):
        begin = time.perf_counter()
        jax.block_until_ready(function())  # type: ignore[no-untyped-call]
        taken.append(1000 * (time.perf_counter() - begin))
    return statistics.median(taken[2:])


def saving_time(speech: str) -> dict[str, float]:
    """The fraction of the time of 10 epochs, after the first, in which a training waits for its checkpoints."""
    from aersut import experiment
    from aersut.run_folder import start
    from aersut.training import loop
    from aersut.training.checkpoints import Checkpoints

    waited, real, ends = 0.0, Checkpoints.save, []

    def save(*arguments: Any, **named: Any) -> None:
        nonlocal waited
        begin = time.perf_counter()
        real(*arguments, **named)
        ends.append(time.perf_counter())
        waited += (ends[-1] - begin) if len(ends) > 1 else 0

    Checkpoints.save = save  # type: ignore[method-assign]
    overrides = {"data.root": speech, "data.corpora": "ravdess", "epochs": "11"}
    with tempfile.TemporaryDirectory() as folder:
        loop.train(start(experiment.load_experiment("cnn_combined", overrides.items()), Path(folder) / "run"))
    return {"fraction": waited / (ends[-1] - ends[0])}


def keras(name: str) -> dict[str, float]:
    import keras as k

    layers = k.layers
    features, labels = data()
    blocks = [
        layer
        for filters, width in BLOCKS
        for layer in (
            layers.Conv1D(filters, width, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPool1D(2),
        )
    ]
    if name == "cnn":
        head = [layers.Flatten(), layers.Dense(1024, activation="relu")]
    else:
        head = [layers.LSTM(128, return_sequences=True), layers.LSTM(64), layers.Dense(64, activation="relu")]
    model = k.Sequential(
        [k.Input((FRAMES, CHANNELS)), *blocks, *head, layers.Dropout(0.5), layers.Dense(CLASSES, activation="softmax")]
    )
    model.compile(k.optimizers.Adam(1e-5), "sparse_categorical_crossentropy", metrics=["accuracy"])

    def epoch() -> None:
        model.fit(features, labels, batch_size=BATCH, epochs=1, verbose=0, shuffle=True)

    epoch()
    return rate(epoch, lambda: model.predict(features, batch_size=128, verbose=0))


def torch(name: str) -> dict[str, float]:
    import torch as t
    from torch import nn

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.LSTM(64, 128, batch_first=True), nn.LSTM(128, 64, batch_first=True)

        def forward(self, x: t.Tensor) -> t.Tensor:
            return self.second(self.first(x.transpose(1, 2))[0])[0][:, -1]

    parts, width = [], CHANNELS
    for filters, kernel in BLOCKS:
        parts += [
            nn.Conv1d(width, filters, kernel, padding="same", bias=False),
            nn.BatchNorm1d(filters),
            nn.ReLU(),
            nn.MaxPool1d(2),
        ]
        width = filters
    flat = FRAMES // 8 * width
    head = [nn.Flatten(), nn.Linear(flat, 1024)] if name == "cnn" else [Recurrent(), nn.Linear(64, 64)]
    model = nn.Sequential(*parts, *head, nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024 if name == "cnn" else 64, CLASSES))
    optimizer, loss = t.optim.Adam(model.parameters(), 1e-5), nn.CrossEntropyLoss()
    features, labels = (t.from_numpy(array) for array in data())
    features, labels = features.transpose(1, 2).contiguous(), labels.long()

    def steps(places: t.Tensor) -> None:
        model.train()
        for batch in places.split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            loss(model(features[batch]), labels[batch]).backward()
            optimizer.step()

    def predict() -> None:
        model.eval()
        with t.inference_mode():
            for batch in features.split(128):
                model(batch)

    steps(t.randperm(CLIPS))
    return rate(lambda: steps(t.randperm(CLIPS)), predict)


if __name__ == "__main__":
    main()
