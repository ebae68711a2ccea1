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
    values, axes = x.astype(jnp.float32), tuple(range(x.ndim - 1))
    mean = values.mean(axes)
    variance = jnp.maximum(0, jnp.square(values).mean(axes) - jnp.square(mean))
    inverse = jax.lax.rsqrt(variance + epsilon)
    y = (values - mean) * (inverse * scale) + bias
    return (y.astype(x.dtype), mean, variance), (x, scale, mean, inverse)


def _backward(epsilon: float, saved: Any, gradients: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    x, scale, mean, inverse = saved
    values, dy, axes = x.astype(jnp.float32), gradients[0].astype(jnp.float32), tuple(range(x.ndim - 1))
    dbias = dy.sum(axes)
    dscale = inverse * ((dy * values).sum(axes) - mean * dbias)
    # subtract the gradient that passes through the mean and the variance
    count = x.size // x.shape[-1]
    rest = dy - dbias / count - (values - mean) * (inverse * dscale / count)
    return (inverse * scale * rest).astype(x.dtype), dscale.astype(scale.dtype), dbias.astype(scale.dtype)


_normalized.defvjp(_forward, _backward)
