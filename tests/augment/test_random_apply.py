"""Application with a probability: only examples that change are computed."""

import jax
import jax.numpy as jnp
import numpy as np

from aersut.augment.example import Example
from aersut.augment.random_apply import apply_with_probability


def test_unchanged_examples_are_not_computed_one_by_one() -> None:
    computed: list[int] = []

    def one(number: jax.Array) -> jax.Array:
        def changed() -> jax.Array:
            jax.debug.callback(lambda number: computed.append(int(number)), number)
            return jnp.full(3, 7.0)

        example = Example(jnp.zeros(3), jnp.zeros(8), 16_000)
        return apply_with_probability(jax.random.fold_in(jax.random.key(0), number), 0.5, example, changed).values

    values = np.asarray(jax.jit(lambda numbers: jax.lax.map(one, numbers))(jnp.arange(64)))
    jax.effects_barrier()

    assert set(computed) == set(np.flatnonzero(values[:, 0]))
    assert 16 < len(computed) < 48
    np.testing.assert_array_equal(values[computed], 7.0)


def test_vmap_changes_the_same_examples() -> None:
    def one(number: jax.Array) -> jax.Array:
        example = Example(jnp.zeros(3), jnp.zeros(8), 16_000)
        key = jax.random.fold_in(jax.random.key(0), number)
        return apply_with_probability(key, 0.5, example, lambda: jnp.full(3, 7.0)).values

    numbers = jnp.arange(64)
    np.testing.assert_array_equal(jax.vmap(one)(numbers), jax.lax.map(one, numbers))


def test_a_probability_of_0_changes_nothing() -> None:
    def one(key: jax.Array) -> jax.Array:
        example = Example(jnp.zeros(3), jnp.zeros(8), 16_000)
        return apply_with_probability(key, 0.0, example, lambda: jnp.full(3, 7.0)).values

    keys = jax.random.split(jax.random.key(3), 400)
    for values in (jax.jit(jax.vmap(one))(keys), jax.jit(lambda keys: jax.lax.map(one, keys))(keys)):
        np.testing.assert_array_equal(values, jnp.zeros((400, 3)))
