"""Exported files against those of the same architecture built in Keras and converted by TensorFlow Lite's usual path.

    python benchmarks/export.py [--repeats 30] [--run RUN] [--json]

The paper's networks on 130 × 13 features, 8 classes, with the same quantization on either side; Keras 2, whose LSTM
becomes one operator too, which Keras 3's does not. Ratios are ours through Keras': the file's size (ours with its
metadata), the median latency in LiteRT on one thread (in turn, so that both meet the same machine), and the arena in
TensorFlow Lite Micro. With --run also the seconds that --mode=export of that run takes, verification included, and its
test clips.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1"}

import numpy as np
from common import alternate

FRAMES, CHANNELS, CLASSES = 130, 13, 8
BLOCKS = ((256, 5), (128, 3), (64, 3))
FORMATS = ("float32", "float16", "dynamic", "int8")
MICRO = ("float32", "int8")
CALLS = 40
METADATA = {
    "labels": ["an emotion"] * CLASSES,
    "scaling": {"mean": [-123.456789] * CHANNELS},
    "features": ["mfcc"] * 20,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--run", type=Path, help="a trained run, which is exported anew")
    parser.add_argument("--json", action="store_true", help="one object, figure name → number")
    arguments = parser.parse_args()
    from aersut.quiet import quiet

    figures: dict[str, float] = {}
    with quiet():
        for model in ("cnn", "cnn_lstm"):
            figures |= compared(model, arguments.repeats)
        if arguments.run:
            figures |= whole(arguments.run)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:36}{value:14,.3f}")


def compared(model: str, repeats: int) -> dict[str, float]:
    from aersut.export.tflm import run_tflm

    clips = np.random.default_rng(0).normal(size=(50, FRAMES, CHANNELS)).astype(np.float32)
    ours, theirs = files_of_ours(model, clips), files_of_keras(model, clips)
    figures: dict[str, float] = {}
    for name in FORMATS:
        taken = alternate(repeats, ours=latency(ours[name]), keras=latency(theirs[name]))
        figures[f"{model}_{name}_bytes"] = len(ours[name])
        figures[f"{model}_{name}_size_vs_keras"] = len(ours[name]) / len(theirs[name])
        figures[f"{model}_{name}_latency_ms"] = taken["ours"]
        figures[f"{model}_{name}_latency_vs_keras"] = taken["ours"] / taken["keras"]
        if name in MICRO:
            empty = np.zeros((1, 1, FRAMES, CHANNELS), np.int8 if name == "int8" else np.float32)
            arena, peer = (run_tflm(side[name], empty).arena for side in (ours, theirs))
            figures |= {f"{model}_{name}_arena": arena, f"{model}_{name}_arena_vs_keras": arena / peer}
    return figures


def files_of_ours(name: str, clips: np.ndarray) -> dict[str, bytes]:
    import optax
    from flax import nnx

    from aersut.export.bridge import probabilities, to_tflite
    from aersut.export.flatbuffer import with_metadata
    from aersut.export.quantize import quantize
    from aersut.registry import MODELS
    from aersut.training.state import create

    graphs, state = create(MODELS[name]().build(FRAMES, CHANNELS, CLASSES, nnx.Rngs(0)), optax.identity())
    base = to_tflite(probabilities(graphs, state, fused=True), [(1, FRAMES, CHANNELS)])
    return {kind: with_metadata(quantize(base, kind, clips), METADATA) for kind in FORMATS}


def files_of_keras(name: str, clips: np.ndarray) -> dict[str, bytes]:
    import tensorflow as tf
    import tf_keras

    layers = tf_keras.layers
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
    top = [layers.Dropout(0.5), layers.Dense(CLASSES, activation="softmax")]
    network = tf_keras.Sequential([tf_keras.Input((FRAMES, CHANNELS), batch_size=1), *blocks, *head, *top])

    def convert(kind: str) -> bytes:
        converter: Any = tf.lite.TFLiteConverter.from_keras_model(network)
        if kind != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if kind == "int8":
            converter.representative_dataset = lambda: ([clip[None]] for clip in clips)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        return bytes(converter.convert())

    return {kind: convert(kind) for kind in FORMATS}


def latency(file: bytes) -> Callable[[], float]:
    """A measurement: the median milliseconds of some calls.

    Each has an interpreter of its own, since where its tensors come to lie in memory is worth several percent.
    """
    from ai_edge_litert.interpreter import Interpreter

    def measure() -> float:
        interpreter: Any = Interpreter(model_content=file, num_threads=1)
        interpreter.allocate_tensors()
        into = interpreter.get_input_details()[0]
        interpreter.set_tensor(into["index"], np.zeros(into["shape"], into["dtype"]))
        taken = []
        for _ in range(CALLS):
            begin = time.perf_counter()
            interpreter.invoke()
            taken.append(time.perf_counter() - begin)
        return 1000 * statistics.median(taken)

    return measure


def whole(run: Path) -> dict[str, float]:
    launch = Path(__file__).parents[1] / "launch.py"
    begin = time.perf_counter()
    subprocess.run([sys.executable, launch, "--mode=export", f"--workdir={run}"], check=True, capture_output=True)
    seconds = time.perf_counter() - begin
    files = json.loads((run / "export" / "export.json").read_text())["files"]
    return {"export_s": seconds, "export_test_clips": files["model_float32.tflite"]["clips"]}


if __name__ == "__main__":
    main()
