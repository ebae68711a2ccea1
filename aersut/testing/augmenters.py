"""The contract of augmenters."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from aersut.augment.example import Example
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS
from aersut.testing.contract import Contract, all_equal, expect, expect_close, noise

SHAPES = {"waveform": (8_000,), "features": (50, 13), "batch": (6, 50, 13)}
RATE, KEYS = 16_000, 32


def check_augmenter(augmenter: Augmenter) -> None:
    """Run all checks of `augmenter_checks`."""
    augmenter_checks(augmenter).run()


def augmenter_checks(augmenter: Augmenter) -> Contract:
    """Return the checks of an augmenter on examples of its domain; at least one of 32 keys must have an effect."""
    contract, domain = Contract(AUGMENTERS, augmenter), getattr(augmenter, "domain", "")
    named = contract.promise(f"domain is one of {', '.join(SHAPES)}")
    named(lambda: expect(domain in SHAPES, f"it is {domain!r}"))
    if domain not in SHAPES:
        return contract
    values, keys = noise(*SHAPES[domain]), jax.random.split(jax.random.key(0), KEYS)
    inputs = {"noise": values, "silence": jnp.zeros_like(values), "full scale": jnp.sign(values)}
    label = jnp.eye(6, 8) if domain == "batch" else jnp.eye(8)[2]

    def example(values: Array = values) -> Example:
        return Example(values, label, RATE)

    @jax.jit
    def under_all_keys(values: Array) -> Example:
        return jax.lax.map(lambda key: augmenter(key, example(values)), keys)

    first = cache(lambda: augmenter(keys[0], example()))
    results = cache(lambda: {name: under_all_keys(values) for name, values in inputs.items()})

    @contract.promise("it does not change its input", "return dataclasses.replace(example, …)")
    def _() -> bool:
        given = example()
        augmenter(keys[0], given)
        return all_equal(given, example())

    equal = contract.promise("equal keys give equal results", "draw from the key alone")
    equal(lambda: all_equal(augmenter(keys[0], example()), first()))
    no_values = "use no values of arrays in Python"
    contract.promise("jax.jit traces it", no_values)(results)

    def keeps(field: str) -> None:
        old, new = getattr(example(), field), getattr(results()["noise"], field)
        same = (new.shape[1:], new.dtype) == (old.shape, old.dtype)
        expect(same, f"{old.shape} {old.dtype} became {new.shape[1:]} {new.dtype}")

    contract.promise("it keeps the shape and dtype of values")(lambda: keeps("values"))
    contract.promise("it keeps the shape and dtype of label")(lambda: keeps("label"))
    contract.promise("it keeps the sample rate")(lambda: results()["noise"].sample_rate == RATE)

    @contract.promise("it is finite", "guard divisions and logarithms")
    def _() -> None:
        for name, result in results().items():
            expect(np.isfinite(result.values).all(), f"not on {name}")

    @contract.promise("the label stays a distribution", "mix labels with the weights of the values")
    def _() -> None:
        for result in results().values():
            sums = np.asarray(result.label.sum(-1))
            expect((result.label >= 0).all() and np.allclose(sums, 1, atol=1e-5), f"it sums to {sums}")

    @contract.promise("jit and eager agree", no_values)
    def _() -> None:
        expect_close(results()["noise"].values[0], first().values)
        expect_close(results()["noise"].label[0], first().label)

    differ = contract.promise("another key gives another result", f"{KEYS} keys gave one; is its probability 0?")
    differ(lambda: any((leaf != leaf[0]).any() for leaf in jax.tree.leaves(results()["noise"])))

    def differentiated() -> None:
        slope = jax.jit(jax.grad(lambda values: jnp.sum(augmenter(keys[0], example(values)).values)))
        for name, values in inputs.items():
            expect(np.isfinite(slope(values)).all(), f"not on {name}")

    if not getattr(augmenter, "host", False):  # which runs in cached copies only
        contract.promise("its gradient is finite", "roots and divisions need jnp.where on both sides")(differentiated)
    if domain == "batch":
        return contract

    @contract.promise("jax.vmap traces it, and vmap and single calls agree", "reduce over named axes only")
    def _() -> None:
        many = jax.tree.map(lambda x: jnp.broadcast_to(x, (KEYS, *x.shape)), example())
        mapped = jax.jit(jax.vmap(lambda key, one: augmenter(key, one)))(keys, many)
        expect_close(mapped.values, results()["noise"].values)

    return contract
