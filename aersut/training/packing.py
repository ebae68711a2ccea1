"""A pytree as one vector per dtype, and back: the time that Orbax takes grows with the number of arrays."""

import functools
import math
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped

from aersut.training.state import unflattened

T = TypeVar("T")
Vectors = dict[str, Shaped[Array, " size"]]
"""The concatenated leaves of each dtype; random keys as their integer data."""


@jax.jit
def pack(tree: Any) -> Vectors:
    """Concatenate the leaves of a pytree, in order."""
    vectors: dict[str, list[Array]] = {}
    for leaf in map(_key_data, jax.tree.leaves(tree)):
        vectors.setdefault(str(leaf.dtype), []).append(leaf.reshape(-1))
    return {name: jnp.concatenate(leaves) for name, leaves in vectors.items()}


def unpack(vectors: Vectors, like: T) -> T:
    """Invert `pack`: the pytree with the structure, shapes and dtypes of `like`, on the devices of the vectors.

    It copies slices on the host, since a function of hundreds of slices takes XLA seconds to compile.
    """
    leaves, structure = jax.tree.flatten(like)
    offsets = dict.fromkeys(vectors, 0)
    hosts = {name: np.asarray(vector.addressable_data(0)) for name, vector in vectors.items()}

    def next_leaf(leaf: Any) -> Array:
        data = jax.eval_shape(_key_data, leaf) if _is_key(leaf) else leaf
        name, size = str(data.dtype), math.prod(data.shape)
        values = hosts[name][offsets[name] :][:size].reshape(data.shape)
        offsets[name] += size
        sharding = vectors[name].sharding
        copies = [jax.device_put(values, device) for device in sharding.addressable_devices]
        placed = jax.make_array_from_single_device_arrays(data.shape, sharding, copies)
        return jax.random.wrap_key_data(placed, impl=_key_impl(leaf)) if _is_key(leaf) else placed

    return jax.tree.unflatten(structure, [next_leaf(leaf) for leaf in leaves])


def packed_like(like: Any) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes, dtypes and sharding of `pack(like)`; only those of `like` are read."""
    return with_sharding(jax.eval_shape(pack, like), jax.tree.leaves(like)[0].sharding)


def with_sharding(shapes: T, sharding: jax.sharding.Sharding) -> T:
    """Add a sharding to abstract arrays (the result of `jax.eval_shape`)."""
    struct: Any = functools.partial(jax.ShapeDtypeStruct, sharding=sharding)
    return jax.tree.map(lambda leaf: struct(leaf.shape, leaf.dtype), shapes)


def array_shape(shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
    """An abstract array, on no particular device."""
    return jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call]


def leaf_shapes(tree: Any) -> dict[str, str]:
    """The dtype and shape of each leaf by its path: {"params.head.kernel": "float32[8, 2]"}.

    A `Flat` is described by the leaves that it contains, so a checkpoint does not depend on it.
    """
    found = {}
    for path, leaf in jax.tree.leaves_with_path(jax.eval_shape(unflattened, tree)):
        found[leaf_name(path)] = f"{leaf.dtype}{list(leaf.shape)}"
    return found


def leaf_name(path: tuple[Any, ...]) -> str:
    """The path of a leaf as text: "params.head.kernel"."""
    return ".".join(jax.tree_util.keystr((key,), simple=True) for key in path).removesuffix(".value")


def _key_data(leaf: Array) -> Array:
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _is_key(leaf: Array) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def _key_impl(key: Array) -> Any:
    """The random generator of a key, which may be abstract."""
    found: list[Any] = []
    jax.eval_shape(lambda traced: found.append(jax.random.key_impl(traced)), key)
    return found[0]
