"""Small .tflite files, made by TensorFlow's own converter, and changes of JSON files."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from aersut.quiet import quiet


def change(path: Path, **values: Any) -> None:
    """Set keys of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def dense_file(weights, frames, examples, quantized):
    """Softmax over `weights` of the frames' mean; with int8 input and output, or float32."""
    import tensorflow as tf

    class Network(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, frames, weights.shape[0]), tf.float32)])
        def __call__(self, features):
            return tf.nn.softmax(tf.linalg.matmul(tf.reduce_mean(features, axis=1), tf.constant(weights)))

    return _converted(tf, Network(), examples, quantized)


def waveform_file(samples, classes):
    """A model of audio: it predicts class 1 for loud audio and class 0 for quiet audio."""
    import tensorflow as tf

    class Network(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, samples), tf.float32)])
        def __call__(self, audio):
            loud = tf.reduce_max(tf.abs(audio), axis=1, keepdims=True)
            slope = np.zeros((1, classes), np.float32)
            slope[0, 1] = 100
            offset = np.full(classes, -50, np.float32)
            offset[0] = 20
            offset[1] = 0
            return tf.nn.softmax(tf.linalg.matmul(loud, tf.constant(slope)) + offset)

    return _converted(tf, Network(), None, quantized=False)


def _converted(tf, network, examples, quantized):
    with quiet():
        function = network.__call__.get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], network)
        if quantized:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([one[None]] for one in examples)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        return converter.convert()
