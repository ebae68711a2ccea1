"""BatchNorm with a custom gradient that reads its input once; the automatic one takes several passes."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float


class BatchNorm(nnx.BatchNorm):
    """Flax's BatchNorm over all axes but the last (Ioffe & Szegedy 2015), with the same parameters and values.

    Statistics are computed in float32 for any input; the output has the dtype of the input.
    """

    def __call__(self, x: Float[Array, "*batch channels"]) -> Float[Array, "*batch channels"]:  # type: ignore[override]
        if self.use_running_average:
            return super().__call__(x)
        assert self.scale is not None
        assert self.bias is not None
        y, mean, variance = _normalized(x, self.scale[...], self.bias[...], self.epsilon)
        for average, latest in ((self.mean, mean), (self.var, variance)):
            average[...] = self.momentum * average[...] + (1 - self.momentum) * jax.lax.stop_gradient(latest)
        return y


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _normalized(x: Array, scale: Array, bias: Array, epsilon: float) -> tuple[Array, Array, Array]:
    """The normalized x, and its mean and variance, which have no gradient."""
    return _forward(x, scale, bias, epsilon)[0]


def _forward(x: Array, scale: Array, bias: Array, epsilon: float) -> tuple[tuple[Array, Array, Array], Any]:
    values, count = x.astype(jnp.float32), x.size // x.shape[-1]
    mean = _channel_sums(values) / count
    variance = jnp.maximum(0, _channel_sums(jnp.square(values)) / count - jnp.square(mean))
    inverse = jax.lax.rsqrt(variance + epsilon)
    y = (values - mean) * (inverse * scale) + bias
    return (y.astype(x.dtype), mean, variance), (x, scale, mean, inverse)


def _backward(epsilon: float, saved: Any, gradients: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    x, scale, mean, inverse = saved
    values, dy = x.astype(jnp.float32), gradients[0].astype(jnp.float32)
    dbias = _channel_sums(dy)
    dscale = inverse * (_channel_sums(dy * values) - mean * dbias)
    # subtract the gradient that passes through the mean and the variance
    count = x.size // x.shape[-1]
    rest = dy - dbias / count - (values - mean) * (inverse * dscale / count)
    return (inverse * scale * rest).astype(x.dtype), dscale.astype(scale.dtype), dbias.astype(scale.dtype)


def _channel_sums(x: Float[Array, "*batch channels"]) -> Float[Array, " channels"]:
    """Sums over all axes but the last; of an image, first over whole columns, since few channels fill no vector."""
    if x.ndim > 3:
        x = x.reshape(-1, x.shape[-2] * x.shape[-1]).sum(0).reshape(x.shape[-2:])
    return x.sum(tuple(range(x.ndim - 1)))


_normalized.defvjp(_forward, _backward)
