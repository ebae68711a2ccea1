"""How fast the paper's networks train and predict, against Keras on TensorFlow (and PyTorch, where it is installed).

    python benchmarks/training.py [--repeats 3] [--json]

The same architecture, batch 32, 13 × 130 generated features of 2,048 clips, Adam, the same cores; every measurement is
a process of its own, ours and the peers' in turn, and medians are printed. Training includes feeding: ours through the
grain pipeline from a file, Keras' `fit` and PyTorch from memory. Clips/s count the second and third epoch. first_step_s
is the time from the process's start to the end of its first step, without a compilation cache and with one.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BEGIN = time.perf_counter()

import numpy as np  # noqa: E402  (what comes before the first step counts)

CLIPS, FRAMES, CHANNELS, CLASSES, BATCH = 2_048, 130, 13, 8, 32
BLOCKS = ((256, 5), (128, 3), (64, 3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one object, figure name → number")
    parser.add_argument("--run", nargs=2, metavar=("WAY", "MODEL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        way, model = arguments.run
        print(json.dumps({"ours": ours, "keras": keras, "torch": torch}[way](model)))
        return
    ways = ["ours", "keras", *(["torch"] if importlib.util.find_spec("torch") else [])]
    figures = {}
    for model in ("cnn", "cnn_lstm"):
        figures |= measured(model, ways, arguments.repeats)
    figures |= first_step()
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:32}{value:10.2f}")


def measured(model: str, ways: list[str], repeats: int) -> dict[str, float]:
    taken: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way in ways:
            taken[way].append(child(way, model))
    middle = {
        way: {key: statistics.median(one[key] for one in found) for key in found[0]} for way, found in taken.items()
    }
    figures = {f"{model}_{way}_clips_per_s": middle[way]["train"] for way in ways}
    for way in ways[1:]:
        figures[f"{model}_vs_{way}"] = middle["ours"]["train"] / middle[way]["train"]
        figures[f"{model}_predict_vs_{way}"] = middle["ours"]["predict"] / middle[way]["predict"]
    figures[f"{model}_peak_memory_mb"] = middle["ours"]["memory"]
    return figures


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


def first_step() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        cache = {"JAX_COMPILATION_CACHE_DIR": folder, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1"}
        cold, warm = (child("ours", "cnn", **cache)["first_step"] for _ in range(2))
    return {"first_step_s": cold, "first_step_cached_s": warm}


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return (
        rng.standard_normal((CLIPS, FRAMES, CHANNELS), np.float32),
        rng.integers(0, CLASSES, CLIPS).astype(np.int32),
    )


def rate(epoch, predict, first: float) -> dict[str, float]:
    """Clips/s of the two epochs after the first, and of the second prediction."""
    import resource

    begin = time.perf_counter()
    epoch()
    epoch()
    train = 2 * CLIPS / (time.perf_counter() - begin)
    predict()
    begin = time.perf_counter()
    predict()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {
        "train": train,
        "predict": CLIPS / (time.perf_counter() - begin),
        "first_step": first - BEGIN,
        "memory": memory,
    }


def ours(name: str) -> dict[str, float]:
    import jax
    from flax import nnx

    from aersut.contracts import Framing
    from aersut.data.pipeline import FeatureSource, training_batches
    from aersut.data.table import Table
    from aersut.features import MFCC
    from aersut.features.frontend import Frontend
    from aersut.registry import MODELS
    from aersut.training.forward import Forward
    from aersut.training.optimizers import Adam
    from aersut.training.state import create
    from aersut.training.step import make_train_step

    features, labels = data()
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "features.npy", features[:, None])
        items = np.stack([np.arange(CLIPS), np.zeros(CLIPS, int)], axis=1)
        frontend = Frontend(Framing(), (MFCC(),), (), CLASSES)
        batches = training_batches(FeatureSource(Table(Path(folder) / "features.npy"), items, labels), BATCH, seed=0)
        optimizer = Adam().build(1000, CLIPS // BATCH)
        graphs, state = create(MODELS[name]().build(FRAMES, CHANNELS, CLASSES, nnx.Rngs(0)), optimizer)
        step = make_train_step(graphs, optimizer, frontend, jax.random.key(0))

        def steps(count: int) -> None:
            nonlocal state
            for _ in range(count):
                state, figures = step(state, next(batches))
            float(figures["loss"])

        steps(1)
        first = time.perf_counter()
        steps(CLIPS // BATCH - 1)
        forward = Forward(graphs, frontend)
        return rate(lambda: steps(CLIPS // BATCH), lambda: forward(state, features), first)


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
    model.train_on_batch(features[:BATCH], labels[:BATCH])
    first = time.perf_counter()

    def epoch() -> None:
        model.fit(features, labels, batch_size=BATCH, epochs=1, verbose=0, shuffle=True)

    epoch()
    return rate(epoch, lambda: model.predict(features, batch_size=128, verbose=0), first)


def torch(name: str) -> dict[str, float]:
    import torch as t

    nn = t.nn

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

    steps(t.arange(BATCH))
    first = time.perf_counter()
    steps(t.randperm(CLIPS))
    return rate(lambda: steps(t.randperm(CLIPS)), predict, first)


if __name__ == "__main__":
    main()
