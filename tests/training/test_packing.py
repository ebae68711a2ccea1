"""A pytree as a few vectors, and back."""

import jax
import jax.numpy as jnp
import numpy as np

from aersut.training.packing import pack, shapes, unpack

TREE = {
    "weights": jnp.arange(6.0).reshape(2, 3),
    "steps": jnp.array(7, jnp.int32),
    "more": [jnp.array([0.5, jnp.nan]), jnp.zeros((0, 4)), jnp.array(True)],
    "half": jnp.ones(3, jnp.bfloat16),
    "key": jax.random.key(5),
    "keys": jax.random.split(jax.random.key(6), 2),
}


def test_there_is_one_vector_for_each_type():
    vectors = pack(TREE)
    sizes = {name: vector.shape for name, vector in vectors.items()}
    assert sizes == {"float32": (8,), "int32": (1,), "bool": (1,), "bfloat16": (3,), "uint32": (6,)}


def test_unpacked_all_is_as_it_was_keys_included():
    other = jax.tree.map(
        lambda leaf: leaf if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else jnp.zeros_like(leaf), TREE
    )
    back = unpack(pack(TREE), other)
    assert jax.tree.structure(back) == jax.tree.structure(TREE)
    for mine, theirs in zip(jax.tree.leaves(back), jax.tree.leaves(TREE), strict=True):
        assert mine.dtype == theirs.dtype
        if jnp.issubdtype(mine.dtype, jax.dtypes.prng_key):
            mine, theirs = jax.random.key_data(mine), jax.random.key_data(theirs)
        np.testing.assert_array_equal(mine, theirs)


def test_shapes_are_listed_by_where_the_leaves_are():
    assert shapes(TREE)["weights"] == "float32[2, 3]"
    assert shapes(TREE)["more.1"] == "float32[0, 4]"
    assert shapes(TREE)["keys"] == "key<fry>[2]"
