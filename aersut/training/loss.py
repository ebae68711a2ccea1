"""The loss: cross-entropy with label smoothing, focal modulation and class weights."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from aersut.config import Loss


def class_weights(labels: Int[np.ndarray, " examples"], classes: int) -> Float[np.ndarray, " classes"]:
    """Weights inversely proportional to class frequencies, with mean 1 over the examples; 0 for an absent class.

    Agrees with scikit-learn's `compute_class_weight("balanced")`.

    >>> class_weights(np.array([0, 0, 0, 0, 2, 2]), 3).tolist()
    [0.75, 0.0, 1.5]
    """
    counts = np.bincount(labels, minlength=classes)
    present = np.count_nonzero(counts)
    return np.where(counts, len(labels) / (present * np.maximum(counts, 1)), 0).astype(np.float32)


def losses(
    logits: Float[Array, "*members batch classes"],
    target: Float[Array, "batch classes"],
    loss: Loss,
    weights: Float[Array | np.ndarray, " classes"],
) -> Float[Array, "*members batch"]:
    """Loss of each example in nats.

    Args:
        target: distributions over the classes.
        weights: class weights.
    """
    smooth = (1 - loss.label_smoothing) * target + loss.label_smoothing / target.shape[1]
    log_probabilities = jax.nn.log_softmax(logits, axis=-1)
    modulation: Array | float = 1.0
    if loss.focal:
        # the gradient of a power is infinite at 0, a value that 1 - p reaches in single precision
        modulation = jnp.maximum(1 - jnp.exp(log_probabilities), 1e-6) ** loss.focal
    return -jnp.sum(jnp.asarray(weights) * smooth * modulation * log_probabilities, axis=-1)
