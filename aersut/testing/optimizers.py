"""The contract of optimizers."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from aersut.contracts import Optimizer
from aersut.registry import OPTIMIZERS
from aersut.testing.contract import Contract, all_equal, expect, noise
from aersut.training.optimizers import with_numbers, without_numbers
from aersut.training.state import flattened, unflattened


def check_optimizer(optimizer: Optimizer, steps: int = 50) -> None:
    """Run all checks of `optimizer_checks`."""
    optimizer_checks(optimizer, steps).run()


def optimizer_checks(optimizer: Optimizer, steps: int = 50) -> Contract:
    """Return the checks of an optimizer on a quadratic loss, in a run of `steps` steps."""
    contract, begin = Contract(OPTIMIZERS, optimizer), {"matrix": noise(3, 4) + 1, "bias": jnp.ones(4)}

    def train() -> tuple[Any, Any, Any]:
        """Return the trained weights, and the first and the last state."""
        transform = optax.with_extra_args_support(optimizer.build(steps, 10))

        @jax.jit
        def step(params: Any, state: Any) -> tuple[Any, Any]:
            value, gradient = jax.value_and_grad(_loss)(params)
            updates, state = transform.update(gradient, state, params, value=value)
            return optax.apply_updates(params, updates), state

        params, state = begin, transform.init(begin)
        for _ in range(steps):
            params, state = step(params, state)
        return params, transform.init(begin), state

    def shapes(state: Any) -> Any:
        return jax.tree.map(lambda x: (x.shape, x.dtype), state)

    trained = cache(train)
    contract.promise("build makes an optax.GradientTransformation")(lambda: optimizer.build(steps, 10))
    contract.promise("jax.jit traces its update")(trained)

    @contract.promise("its state keeps its shapes and dtypes", "a checkpoint cannot be restored otherwise")
    def _() -> bool:
        before, after = map(shapes, trained()[1:])
        return bool(before == after)

    @contract.promise(
        "the shapes of its state do not depend on the number of steps", "evaluation builds it for one step"
    )
    def _() -> bool:
        of_one_step = optax.with_extra_args_support(optimizer.build(1, 1)).init(begin)
        return bool(shapes(of_one_step) == shapes(trained()[1]))

    finite = contract.promise("it is finite", f"not the weights after {steps} steps on a quadratic loss")
    finite(lambda: all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(trained()[0])))

    @contract.promise("it lowers the loss", "check the sign")
    def _() -> None:
        before, after = float(_loss(begin)), float(_loss(trained()[0]))
        expect(after < before, f"{before:g} became {after:g}")

    contract.promise("it is deterministic", "a second run differs")(lambda: all_equal(trained()[0], train()[0]))

    @contract.promise("its traced fields may be arguments of a jitted function", "omit one that may not from `traced`")
    def _() -> None:
        bare, numbers = without_numbers(optimizer)

        def first_update(transform: optax.GradientTransformation) -> Any:
            value, gradient = jax.value_and_grad(_loss)(begin)
            extra = optax.with_extra_args_support(transform)
            return extra.update(gradient, extra.init(begin), begin, value=value)[0]

        traced = jax.jit(lambda numbers: first_update(with_numbers(bare, numbers).build(steps, 10)))(numbers)
        constant = first_update(optimizer.build(steps, 10))
        for one, other in zip(jax.tree.leaves(traced), jax.tree.leaves(constant), strict=True):
            expect(bool(jnp.allclose(one, other, rtol=1e-4, atol=1e-7)), "the update differs from that of constants")

    @contract.promise(
        "if it is `elementwise`, it updates one vector of all weights alike", "set `elementwise` to False"
    )
    def _() -> None:
        if not optimizer.elementwise:
            return
        transform = optax.with_extra_args_support(optimizer.build(steps, 10))
        value, gradient = jax.value_and_grad(_loss)(begin)
        update, _ = transform.update(gradient, transform.init(begin), begin, value=value)
        flat, flat_gradient = flattened(begin), flattened(gradient)
        vector, _ = transform.update(flat_gradient, transform.init(flat), flat, value=value)
        for one, other in zip(jax.tree.leaves(update), jax.tree.leaves(unflattened(vector)), strict=True):
            expect(bool(jnp.allclose(one, other, rtol=1e-5, atol=1e-8)), "the update differs")

    return contract


def _loss(params: Any) -> Array:
    return sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(params))  # type: ignore[return-value]
