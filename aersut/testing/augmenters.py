"""The contract of augmenters."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from aersut.augment.example import Example
from aersut.contracts import Augmenter
from aersut.testing.promise import Promise, check_plugin, noise


def check_augmenter(augmenter: Augmenter) -> None:
    """Check an augmenter on examples of its domain; at least one of 32 keys must change something."""
    promise = check_plugin(augmenter)
    domains = ("waveform", "features", "batch")
    promise.that(augmenter.domain in domains, f"domain is one of {', '.join(domains)}", f"it is {augmenter.domain!r}")
    shape = {"waveform": (8_000,), "features": (50, 13), "batch": (6, 50, 13)}[augmenter.domain]
    values = noise(int(np.prod(shape))).reshape(shape)
    label = jnp.eye(6, 8) if augmenter.domain == "batch" else jnp.eye(8)[2]
    example, before = Example(values, label, 16_000), (np.array(values), np.array(label))
    keys = jax.random.split(jax.random.key(0), 32)
    first = promise.holds("it can be called", lambda: augmenter(keys[0], example))
    untouched = np.array_equal(example.values, before[0]) and np.array_equal(example.label, before[1])
    promise.that(untouched, "it does not change its input", "return dataclasses.replace(example, …)")
    promise.that(_same(augmenter(keys[0], example), first), "equal keys give equal results", "draw from the key alone")
    call = jax.jit(augmenter.__call__)
    results = [promise.holds("jax.jit traces it", functools.partial(call, key, example)) for key in keys]
    _check_example(promise, "noise", first, example)
    for one in results:
        _check_example(promise, "noise", one, example)
    promise.close(results[0].values, first.values, "jit and eager agree", "ask for no Python value of an array")
    promise.close(results[0].label, first.label, "jit and eager agree", "ask for no Python value of an array")
    differs = any(not _same(results[0], one) for one in results[1:])
    promise.that(differs, "another key gives another result", "32 keys gave one; is its probability 0?")
    extremes = {"silence": jnp.zeros_like(values), "full scale": jnp.where(values > 0, 1.0, -1.0)}
    for name, extreme in extremes.items():
        one = dataclasses.replace(example, values=extreme)
        for key in keys:
            _check_example(promise, name, call(key, one), one)

    def total(values: Array, key: Array) -> Array:
        return jnp.sum(augmenter(key, dataclasses.replace(example, values=values)).values)

    slope = jax.jit(jax.grad(total))
    for name, extreme in {"noise": values, **extremes}.items():
        steep = promise.holds("jax.grad goes through it", functools.partial(slope, extreme, keys[0]))
        advice = f"not on {name}: roots and divisions need a where on both sides"
        promise.that(bool(jnp.isfinite(steep).all()), "its gradient is finite", advice)
    if augmenter.domain == "batch":
        return
    many = jax.tree.map(lambda x: jnp.broadcast_to(x, (len(keys), *x.shape)), example)
    stacked = promise.holds("jax.vmap traces it", lambda: jax.jit(jax.vmap(augmenter.__call__))(keys, many))
    promise.close(stacked.values, jnp.stack([one.values for one in results]), "vmap and single calls agree", "")


def _check_example(promise: Promise, name: str, found: Example, given: Example) -> None:
    for field in ("values", "label"):
        new, old = getattr(found, field), getattr(given, field)
        kept = (new.shape, new.dtype) == (old.shape, old.dtype)
        promise.that(kept, f"it keeps the shape and dtype of {field}", f"{old.shape} {old.dtype} became {new.shape}"
                     f" {new.dtype}")  # fmt: skip
    promise.that(found.sample_rate == given.sample_rate, "it keeps the sample rate", f"got {found.sample_rate}")
    promise.that(
        bool(jnp.isfinite(found.values).all()), "it is finite", f"not on {name}: guard divisions and logarithms"
    )
    sums = np.asarray(found.label.sum(-1))
    proper = bool((found.label >= 0).all()) and np.allclose(sums, 1, atol=1e-5)
    promise.that(
        proper, "the label stays a distribution", f"it sums to {sums}; mix labels with the weights of the values"
    )


def _same(one: Example, other: Example) -> bool:
    return np.array_equal(one.values, other.values) and np.array_equal(one.label, other.label)
