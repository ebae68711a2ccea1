"""A pytree as one vector per type, and back: Orbax takes its time by the array, whatever the size."""

import functools
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Shaped

T = TypeVar("T")
Vectors = dict[str, Shaped[Array, " size"]]
"""The leaves of each type, one behind the other; random keys as the integers that they are."""


@jax.jit
def pack(tree: Any) -> Vectors:
    """The leaves of a pytree, in their order."""
    vectors: dict[str, list[Array]] = {}
    for leaf in map(_plain, jax.tree.leaves(tree)):
        vectors.setdefault(str(leaf.dtype), []).append(leaf.reshape(-1))
    return {name: jnp.concatenate(leaves) for name, leaves in vectors.items()}


def unpack(vectors: Vectors, like: T) -> T:
    """The pytree, of the structure, shapes and types of `like`, that `pack` made the vectors of."""
    return jax.jit(functools.partial(_unpacked, like))(vectors)


def packed_like(like: Any) -> dict[str, jax.ShapeDtypeStruct]:
    """What `pack` would make of a pytree, of which only shapes, types and places are looked at."""
    return placed(jax.eval_shape(pack, like), jax.tree.leaves(like)[0].sharding)


def placed(shapes: T, place: jax.sharding.Sharding) -> T:
    """Shapes and types of arrays (`jax.eval_shape`) that lie on `place`."""
    at: Any = functools.partial(jax.ShapeDtypeStruct, sharding=place)
    return jax.tree.map(lambda one: at(one.shape, one.dtype), shapes)


def _unpacked(like: T, vectors: Vectors) -> T:
    leaves, structure = jax.tree.flatten(like)
    taken, found = dict.fromkeys(vectors, 0), []
    for leaf in leaves:
        plain = jax.eval_shape(_plain, leaf)
        name = str(plain.dtype)
        values = vectors[name][taken[name] :][: plain.size].reshape(plain.shape)
        taken[name] += plain.size
        found.append(jax.random.wrap_key_data(values, impl=_kind(leaf)) if _is_key(leaf) else values)
    return jax.tree.unflatten(structure, found)


def shapes(tree: Any) -> dict[str, str]:
    """The type and shape of each leaf, by where it is: {"params.head.kernel": "float32[8, 2]"}."""
    found = {}
    for path, leaf in jax.tree.leaves_with_path(tree):
        name = ".".join(jax.tree_util.keystr((key,), simple=True) for key in path)
        found[name.removesuffix(".value")] = f"{leaf.dtype}{list(leaf.shape)}"
    return found


def _plain(leaf: Array) -> Array:
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _is_key(leaf: Array) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def _kind(key: Array) -> Any:
    """The generator that a random key, or what stands for one, is of."""
    found: list[Any] = []
    jax.eval_shape(lambda traced: found.append(jax.random.key_impl(traced)), key)
    return found[0]
