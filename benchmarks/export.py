"""Exported files against those of the same architecture built in Keras and converted by TensorFlow Lite's usual path.

    python benchmarks/export.py [--repeats 30] [--run RUN] [--json]

The paper's networks on 130 × 13 features, 8 classes, with the same quantization on both sides. Keras is version 2,
whose LSTM becomes one operator too; that of Keras 3 does not. Ratios are AERSUT divided by Keras: file size (AERSUT's
with its metadata), median latency in LiteRT on one thread (measured alternately, under the same load of the machine),
and tensor arena in TensorFlow Lite Micro. --run adds the seconds that --mode=export of that run takes, verification
included, and the number of its test clips.
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

from aersut.tflite.file import TFLiteFile
from aersut.tflite.micro import run_tflm

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
    parser.add_argument("--run", type=Path, help="a trained run, which is exported again")
    parser.add_argument("--json", action="store_true", help="print one JSON object, metric → number")
    arguments = parser.parse_args()
    from aersut.quiet import quiet

    results: dict[str, float] = {}
    with quiet():
        for model in ("cnn", "cnn_lstm"):
            results |= compared(model, arguments.repeats)
        if arguments.run:
            results |= timed_export(arguments.run)
    if arguments.json:
        print(json.dumps(results))
        return
    for name, value in results.items():
        print(f"{name:36}{value:14,.3f}")


def compared(model: str, repeats: int) -> dict[str, float]:
    clips = np.random.default_rng(0).normal(size=(50, FRAMES, CHANNELS)).astype(np.float32)
    ours, theirs = exported_files(model, clips), keras_files(model, clips)
    results: dict[str, float] = {}
    for name in FORMATS:
        taken = alternate(repeats, ours=latency(ours[name]), keras=latency(theirs[name]))
        results[f"{model}_{name}_bytes"] = len(ours[name].content)
        results[f"{model}_{name}_size_vs_keras"] = len(ours[name].content) / len(theirs[name].content)
        results[f"{model}_{name}_latency_ms"] = taken["ours"]
        results[f"{model}_{name}_latency_vs_keras"] = taken["ours"] / taken["keras"]
        if name in MICRO:
            empty = np.zeros((1, FRAMES, CHANNELS), np.int8 if name == "int8" else np.float32)
            arena, keras = (run_tflm(side[name], empty).arena for side in (ours, theirs))
            results |= {f"{model}_{name}_arena": arena, f"{model}_{name}_arena_vs_keras": arena / keras}
    return results


def exported_files(name: str, clips: np.ndarray) -> dict[str, TFLiteFile]:
    import optax
    from flax import nnx

    from aersut.export.convert import classifier_graphs
    from aersut.export.quantize import INTEGER, quantize
    from aersut.registry import MODELS
    from aersut.training.state import create

    graphs, state = create(MODELS[name]().build(FRAMES, CHANNELS, CLASSES, nnx.Rngs(0)), optax.identity())
    floating, integer = classifier_graphs(lambda: graphs.network(state.weights, state.rest), (FRAMES, CHANNELS))
    return {
        kind: quantize(integer if kind in INTEGER else floating, kind, clips).with_metadata(METADATA)
        for kind in FORMATS
    }


def keras_files(name: str, clips: np.ndarray) -> dict[str, TFLiteFile]:
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

    def convert(kind: str) -> TFLiteFile:
        converter: Any = tf.lite.TFLiteConverter.from_keras_model(network)
        if kind != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if kind == "int8":
            converter.representative_dataset = lambda: ([clip[None]] for clip in clips)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        return TFLiteFile(converter.convert(), f"the {kind} file of Keras")

    return {kind: convert(kind) for kind in FORMATS}


def latency(file: TFLiteFile) -> Callable[[], float]:
    """A function that measures the median latency of `CALLS` calls, in milliseconds.

    Each measurement creates a new interpreter, because the memory layout of the tensors changes latency by several
    percent.
    """
    from ai_edge_litert.interpreter import Interpreter

    def measure() -> float:
        interpreter: Any = Interpreter(model_content=file.content, num_threads=1)
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


def timed_export(run: Path) -> dict[str, float]:
    launch = Path(__file__).parents[1] / "launch.py"
    begin = time.perf_counter()
    subprocess.run([sys.executable, launch, "--mode=export", f"--workdir={run}"], check=True, capture_output=True)
    seconds = time.perf_counter() - begin
    files = json.loads((run / "export" / "export.json").read_text())["files"]
    return {"export_s": seconds, "export_test_clips": files["model_float32.tflite"]["clips"]}


if __name__ == "__main__":
    main()
