"""What augmenters share: a change now and then, by a random amount."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aersut.augment.example import Example


def sometimes(
    key: jax.Array, probability: float, example: Example, changed: Callable[[], Float[Array, "..."]]
) -> Example:
    """The example with the values that `changed` gives, or, with what is left of the probability, as it is.

    Where examples come one by one, only what is wanted is computed; under `jax.vmap` all of it is.
    """
    values = jax.lax.cond(jax.random.uniform(key) < probability, changed, lambda: example.values)
    return dataclasses.replace(example, values=values)


def root(value: Float[Array, ""]) -> Float[Array, ""]:
    """The square root, with a gradient that is finite at 0."""
    return jnp.where(value > 0, jnp.sqrt(jnp.where(value > 0, value, 1.0)), 0.0)


def check_probability(probability: float) -> None:
    """Raise `ValueError` for what is none."""
    if not 0 <= probability <= 1:
        raise ValueError(f"probability must be between 0 and 1, got {probability}")


def check_range(name: str, limits: tuple[float, float], above: float | None = None) -> None:
    """Raise `ValueError` where a range does not rise, or does not lie above a bound."""
    if not limits[0] <= limits[1]:
        raise ValueError(f"{name} must go from low to high, got {limits}")
    if above is not None and limits[0] <= above:
        raise ValueError(f"{name} must lie above {above:g}, got {limits}")
