"""The loss: cross-entropy, with what unbalanced and doubtful labels ask for."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from aersut.config import Loss


def class_weights(labels: Int[np.ndarray, " examples"], classes: int) -> Float[np.ndarray, " classes"]:
    """Weights inverse to how often each class occurs, of mean 1 over the examples; 0 for a class that does not.

    scikit-learn's `compute_class_weight("balanced")`.
    """
    counts = np.bincount(labels, minlength=classes)
    present = np.count_nonzero(counts)
    return np.where(counts, len(labels) / (present * np.maximum(counts, 1)), 0).astype(np.float32)


def losses(
    logits: Float[Array, "*members batch classes"],
    target: Float[Array, "batch classes"],
    loss: Loss,
    weights: Float[np.ndarray, " classes"],
) -> Float[Array, "*members batch"]:
    """Each example's loss in nats.

    Args:
        target: distributions over the classes.
        weights: of the classes.
    """
    smooth = (1 - loss.label_smoothing) * target + loss.label_smoothing / target.shape[1]
    log_probabilities = jax.nn.log_softmax(logits, axis=-1)
    doubt: Array | float = 1.0
    if loss.focal:
        # the gradient of a power is infinite at 0, which 1 - p reaches in single precision
        doubt = jnp.maximum(1 - jnp.exp(log_probabilities), 1e-6) ** loss.focal
    return -jnp.sum(jnp.asarray(weights) * smooth * doubt * log_probabilities, axis=-1)
