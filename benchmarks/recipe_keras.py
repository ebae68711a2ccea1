"""The recipes' networks and their training in Keras on TensorFlow, as a peer of `recipe_step.py`."""

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

BATCH, CLASSES = 32, 8
FILTERS, KERNEL, DROPOUT = (32, 32, 48), 5, 0.2


def conv_norm(x: Any, filters: int, size: int) -> Any:
    x = layers.Conv1D(filters, size, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.9)(x)


def block(x: Any, filters: int) -> Any:
    x = layers.MaxPool1D(2)(x)
    short = x if x.shape[-1] == filters else conv_norm(x, filters, 1)
    y = layers.ReLU()(conv_norm(x, filters, KERNEL))
    return layers.ReLU()(layers.Add()([short, conv_norm(y, filters, KERNEL)]))


def stem(x: Any, filters: int) -> Any:
    x = layers.Reshape((*x.shape[1:], 1))(x)
    x = layers.Conv2D(filters, (5, 7), strides=(1, 4), padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return layers.MaxPool1D(2)(layers.Reshape((x.shape[1], -1))(x))


class AttentivePooling(layers.Layer):
    def build(self, shape: tuple[int, ...]) -> None:
        self.score = self.add_weight(shape=(shape[-1], 1))

    def call(self, x: Any) -> Any:
        weights = tf.nn.softmax(tf.linalg.matrix_transpose(x @ self.score))
        mean = weights @ x
        return tf.squeeze(tf.concat([mean, weights @ tf.abs(x - mean)], axis=2), 1)

    def compute_output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[0], 2 * shape[-1]


def member(x: Any, bands: int) -> Any:
    """Logits of `TCResNet`."""
    x = stem(x, bands) if bands else x
    x = layers.ReLU()(conv_norm(x, FILTERS[0], KERNEL))
    for _, filters in pairwise(FILTERS):
        x = block(x, filters)
    return layers.Dense(CLASSES)(layers.Dropout(DROPOUT)(AttentivePooling()(x)))


def augmented(x: Any, y: Any) -> tuple[Any, Any]:
    """`equalize`, `spec_augment`, `mel_warp` and `mixup` of the recipes, over a batch."""
    _, frames, bands = x.shape
    nodes = interpolation(tf.linspace(0.0, 4.0, bands)[None], 5)[0]
    x += tf.matmul(tf.random.normal((BATCH, 5), stddev=3.0), nodes, transpose_b=True)[:, None]
    mask = masked(frames, 12)[:, :, None] | masked(bands, 8)[:, None]
    x = tf.where(mask, tf.reduce_mean(x, 1, keepdims=True), x)
    stretch, shift = tf.random.uniform((BATCH, 1), 0.9, 1.1), tf.random.uniform((BATCH, 1), -1.0, 1.0)
    tempo = tf.random.uniform((BATCH, 1), 0.85, 1.15)
    over_bands = interpolation((tf.range(bands, dtype=tf.float32) - shift) / stretch, bands)
    over_frames = interpolation(tf.range(frames, dtype=tf.float32) * tempo, frames)
    x = tf.matmul(over_frames @ x, over_bands, transpose_b=True)
    one, two = tf.random.gamma((BATCH, 1), 1.0), tf.random.gamma((BATCH, 1), 1.0)
    other, weight = tf.random.shuffle(tf.range(BATCH)), one / (one + two)
    x += weight[:, None] * (tf.gather(x, other) - x)
    return x, y + weight * (tf.gather(y, other) - y)


def masked(size: int, widest: int) -> Any:
    widths = tf.random.uniform((BATCH, 1), 0, widest + 1, tf.int32)
    begins = tf.cast(tf.random.uniform((BATCH, 1)) * tf.cast(size - widths + 1, tf.float32), tf.int32)
    indices = tf.range(size)
    return (indices >= begins) & (indices < begins + widths)


def interpolation(positions: Any, size: int) -> Any:
    """Matrices of linear interpolation."""
    inside = tf.clip_by_value(positions, 0.0, size - 1.0)
    return tf.maximum(0.0, 1 - tf.abs(inside[:, :, None] - tf.range(size, dtype=tf.float32)))


class Clock(keras.callbacks.Callback):
    """Seconds of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(time.perf_counter() - self.begin)


def seconds_per_epoch(
    members: Sequence[int], features: np.ndarray, labels: np.ndarray, epochs: int, compiled: bool
) -> tuple[list[float], int]:
    """The seconds of each epoch of training, and the number of trainable parameters.

    Args:
        members: filters of the convolution over frames and bands of each network; 0 omits it.
        features: f32[clips, frames, bands].
        labels: i32[clips].
        compiled: with XLA (`jit_compile`).
    """
    steps, count = len(features) // BATCH, len(members)
    clips, targets = tf.constant(features), tf.constant(np.eye(CLASSES, dtype=np.float32)[labels])

    def batch(indices: Any) -> tuple[Any, Any]:
        indices = tf.ensure_shape(indices, (BATCH,))
        return augmented(tf.gather(clips, indices), tf.gather(targets, indices))

    # indices are shuffled, since a dataset of single clips is slower
    data = tf.data.Dataset.range(len(features)).shuffle(len(features)).batch(BATCH, drop_remainder=True)
    data = data.map(batch, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    inputs = keras.Input(features.shape[1:], BATCH)
    x = layers.Normalization(mean=features.mean((0, 1)), variance=features.var((0, 1)))(inputs)
    logits = [member(x, bands) for bands in members]
    model = keras.Model(inputs, keras.ops.stack(logits, axis=1))
    learning_rate = keras.optimizers.schedules.CosineDecay(
        0.0, round(0.95 * steps * epochs), alpha=0.01, warmup_target=2e-3, warmup_steps=round(0.05 * steps * epochs)
    )
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=0.02, use_ema=True, ema_momentum=0.99)

    def loss(y: Any, logits: Any) -> Any:
        targets = tf.repeat(y[:, None], count, axis=1)
        return keras.losses.categorical_crossentropy(targets, logits, from_logits=True, label_smoothing=0.1)

    model.compile(optimizer, loss, jit_compile=compiled, steps_per_execution=8)
    clock = Clock()
    model.fit(data, epochs=epochs, verbose=0, callbacks=[clock])
    return clock.seconds, sum(int(np.prod(one.shape)) for one in model.trainable_variables)
