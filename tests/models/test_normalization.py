"""BatchNorm agrees with that of Flax in values, gradients and running averages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from aersut.models.normalization import BatchNorm


@pytest.mark.parametrize("shape", [(4, 9, 3), (4, 5, 6, 3)])
def test_it_agrees_with_flax(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, weights = (jnp.asarray(rng.normal(size=shape) + 0.5, jnp.float32) for _ in range(2))
    scale, bias = (jnp.asarray(rng.normal(size=3), jnp.float32) for _ in range(2))

    def results(kind: type[nnx.BatchNorm]) -> list[jax.Array]:
        graph, params, rest = nnx.split(kind(3, momentum=0.9, epsilon=1e-3, rngs=nnx.Rngs(0)), nnx.Param, ...)
        params["scale"][...], params["bias"][...] = scale, bias

        @jax.jit
        def run(x, params):
            def call(x, params):
                norm = nnx.merge(graph, params, rest, copy=True)
                y = norm(x)
                return y, (nnx.state(norm, nnx.BatchStat), nnx.view(norm, use_running_average=True)(x))

            y, pull, (averages, later) = jax.vjp(call, x, params, has_aux=True)
            return y, averages, later, pull(weights)

        return jax.tree.leaves(run(x, params))

    for found, expected in zip(results(BatchNorm), results(nnx.BatchNorm), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_half_precision_output_with_statistics_in_single_precision() -> None:
    norm = BatchNorm(2, momentum=0.9, epsilon=1e-3, rngs=nnx.Rngs(0))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(8, 50, 2)), jnp.bfloat16)
    assert norm(x).dtype == jnp.bfloat16
    assert norm.mean[...].dtype == norm.var[...].dtype == jnp.float32
    np.testing.assert_allclose(norm.var[...], 0.9 + 0.1 * x.astype(jnp.float32).var((0, 1)), rtol=1e-4)
