"""A pytree is packed into one vector per dtype, and unpacked."""

import jax
import jax.numpy as jnp
import numpy as np

from aersut.training.packing import leaf_shapes, pack, unpack

TREE = {
    "weights": jnp.arange(6.0).reshape(2, 3),
    "steps": jnp.array(7, jnp.int32),
    "more": [jnp.array([0.5, jnp.nan]), jnp.zeros((0, 4)), jnp.array(True)],
    "half": jnp.ones(3, jnp.bfloat16),
    "key": jax.random.key(5),
    "keys": jax.random.split(jax.random.key(6), 2),
}


def test_there_is_one_vector_per_dtype():
    vectors = pack(TREE)
    sizes = {name: vector.shape for name, vector in vectors.items()}
    assert sizes == {"float32": (8,), "int32": (1,), "bool": (1,), "bfloat16": (3,), "uint32": (6,)}


def test_unpacking_restores_all_leaves_and_random_keys():
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


def test_shapes_are_listed_by_path():
    assert leaf_shapes(TREE)["weights"] == "float32[2, 3]"
    assert leaf_shapes(TREE)["more.1"] == "float32[0, 4]"
    assert leaf_shapes(TREE)["keys"] == "key<fry>[2]"
