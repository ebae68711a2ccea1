"""BatchNorm with a gradient that reads what it needs once, where the general one takes several passes."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float


class BatchNorm(nnx.BatchNorm):
    """Flax's BatchNorm over all axes but the last (Ioffe & Szegedy 2015), of the same weights and values.

    Statistics are in float32 whatever the input is, and what comes out is of the input's own type.
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
    """The normalized x, and its mean and variance, through which no gradient goes."""
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
    # what the mean and the variance have of each value is taken out of its gradient
    count = x.size // x.shape[-1]
    rest = dy - dbias / count - (values - mean) * (inverse * dscale / count)
    return (inverse * scale * rest).astype(x.dtype), dscale.astype(scale.dtype), dbias.astype(scale.dtype)


_normalized.defvjp(_forward, _backward)
