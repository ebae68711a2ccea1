"""Convolution and pooling have the values and gradients of XLA's operators, with and without differentiation."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from aersut.models.convolution import conv1d, conv_bands, depthwise1d, max_pool1d

rng = np.random.default_rng(0)
X = jnp.asarray(rng.normal(size=(3, 11, 4)), jnp.float32)


def _lax_conv(x: Array, kernel: Array) -> Array:
    return jax.lax.conv_general_dilated(x, kernel, (1,), "SAME", dimension_numbers=("NHC", "HIO", "NHC"))


def _lax_depthwise(x: Array, kernel: Array) -> Array:
    dimensions = ("NHC", "HIO", "NHC")
    return jax.lax.conv_general_dilated(
        x, kernel[:, None], (1,), "SAME", dimension_numbers=dimensions, feature_group_count=x.shape[2]
    )


def _lax_pool(x: Array) -> Array:
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 1), (1, 2, 1), "VALID")


def _agree(ours: Callable[..., Array], theirs: Callable[..., Array], *given: Array) -> None:
    weights = jnp.asarray(np.random.default_rng(1).normal(size=theirs(*given).shape), jnp.float32)

    @jax.jit
    def run(*given: Array) -> tuple[Array, ...]:
        (value, pull), (expected, pull_expected) = jax.vjp(ours, *given), jax.vjp(theirs, *given)
        return ours(*given), value, *pull(weights), expected, expected, *pull_expected(weights)

    results = run(*given)
    for found, expected in zip(results[: len(results) // 2], results[len(results) // 2 :], strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "frames"),
    [(2, 10), (3, 10), (3, 11), (3, 1), (5, 1)],
)
def test_convolution_is_that_of_xla(size: int, frames: int) -> None:
    kernel = jnp.asarray(rng.normal(size=(size, 4, 5)), jnp.float32)
    _agree(conv1d, _lax_conv, X[:, :frames], kernel)


@pytest.mark.parametrize(("size", "frames"), [(2, 11), (3, 10), (5, 1), (7, 10)])
def test_depthwise_convolution_is_that_of_xla(size: int, frames: int) -> None:
    kernel = jnp.asarray(rng.normal(size=(size, 4)), jnp.float32)
    _agree(depthwise1d, _lax_depthwise, X[:, :frames], kernel)


@pytest.mark.parametrize(
    ("size", "bands", "stride"), [((3, 5), 12, 1), ((5, 7), 12, 4), ((2, 4), 13, 3), ((1, 1), 5, 2)]
)
def test_convolution_over_bands_is_that_of_xla(size: tuple[int, int], bands: int, stride: int) -> None:
    own = np.random.default_rng(0)  # independent of the tests that ran before
    x = jnp.asarray(own.normal(size=(2, 6, bands)), jnp.float32)
    kernel = jnp.asarray(own.normal(size=(*size, 4)), jnp.float32)

    def theirs(x: Array, kernel: Array) -> Array:
        return jax.lax.conv_general_dilated(
            x[..., None], kernel[:, :, None], (1, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    _agree(lambda x, kernel: conv_bands(x, kernel, stride), theirs, x, kernel)


def test_convolution_by_hand() -> None:
    x, kernel = jnp.array([1.0, 2.0, 3.0])[None, :, None], jnp.array([10.0, 1.0])[:, None, None]
    np.testing.assert_allclose(conv1d(x, kernel)[0, :, 0], [12, 23, 30])


@pytest.mark.parametrize("frames", [2, 3, 10, 11])
def test_pooling_is_that_of_xla(frames: int) -> None:
    _agree(max_pool1d, _lax_pool, X[:, :frames])


@pytest.mark.parametrize("frames", [10, 11])
def test_pooling_of_bands_and_filters_is_that_of_their_product(frames: int) -> None:
    def flattened(x: Array) -> Array:
        return max_pool1d(x.reshape(*x.shape[:2], -1)).reshape(x.shape[0], -1, *x.shape[2:])

    _agree(max_pool1d, flattened, X[:, :frames].reshape(3, frames, 2, 2))


def test_pooling_by_hand() -> None:
    x = jnp.array([1.0, 5.0, 7.0, 2.0, 9.0])[None, :, None]
    value, pull = jax.vjp(max_pool1d, x)
    np.testing.assert_array_equal(value[0, :, 0], [5, 7])
    np.testing.assert_array_equal(pull(jnp.array([10.0, 20.0])[None, :, None])[0][0, :, 0], [0, 10, 20, 0, 0])


def test_of_two_equal_frames_one_receives_the_gradient() -> None:
    # rectified units are often both 0; exactly one of them must receive the gradient
    _, pull = jax.vjp(max_pool1d, jnp.zeros((1, 4, 1)))
    pairs = pull(jnp.ones((1, 2, 1)))[0].reshape(2, 2)
    np.testing.assert_array_equal(np.sort(pairs, axis=1), [[0, 1], [0, 1]])
