"""Helpers of the augmenters: application with a probability, and validation of fields."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut.augment.example import Example


def apply_with_probability(
    key: jax.Array, probability: float, example: Example, changed: Callable[[], Float[Array, "..."]]
) -> Example:
    """Replace the values of an example by `changed()` with a probability.

    Without `jax.vmap`, `changed` is computed only if it is used; under `jax.vmap` it is computed for every example.
    """
    if probability == 1:  # the usual value, for which neither a draw nor a selection is compiled
        return dataclasses.replace(example, values=changed())
    values = jax.lax.cond(jax.random.uniform(key) < probability, changed, lambda: example.values)
    return dataclasses.replace(example, values=values)


def uniform(key: jax.Array, limits: tuple[float, float]) -> Float[Array, ""]:
    """Return a uniformly distributed random number between two limits."""
    return jax.random.uniform(key, minval=limits[0], maxval=limits[1])


def log_uniform(key: jax.Array, limits: tuple[float, float]) -> Float[Array, ""]:
    """Return a random number between two positive limits, whose logarithm is uniformly distributed."""
    return jnp.exp(jax.random.uniform(key, minval=np.log(limits[0]), maxval=np.log(limits[1])))


def root(value: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return the square root, with a finite gradient at 0."""
    return jnp.where(value > 0, jnp.sqrt(jnp.where(value > 0, value, 1.0)), 0.0)


def check_probability(probability: float) -> None:
    """Raise `ValueError` if a probability is out of range."""
    if not 0 <= probability <= 1:
        raise ValueError(f"probability must be between 0 and 1, got {probability}")


def check_range(name: str, limits: tuple[float, float], above: float | None = None) -> None:
    """Raise `ValueError` if a range is descending, or not above a bound."""
    if not limits[0] <= limits[1]:
        raise ValueError(f"{name} must be (lowest, highest), got {limits}")
    if above is not None and limits[0] <= above:
        raise ValueError(f"{name} must be above {above:g}, got {limits}")
