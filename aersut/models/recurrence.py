"""The recurrent part of an LSTM, with a gradient that leaves only what must be to the loop over frames.

Differentiated by JAX, each frame adds its share to the recurrent weights' gradient, a matrix as large as they are. Here
the way back keeps the gates' gradients, and that of the weights is one matmul over all frames, as in cuDNN. A step of
`cnn_lstm` on two cores takes 0.93 of its time without it. Results agree to rounding.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Sequence = Float[Array, "frames batch units"]
Carry = tuple[Array, Array]
"""Hidden state and cell, f32[batch, units] each."""


@jax.custom_vjp
def recurred(projected: Float[Array, "frames batch 4*units"], recurrent: Float[Array, "units 4*units"]) -> Sequence:
    """The outputs of an LSTM that begins with zeros.

    Args:
        projected: what the input and the bias are to the gates i, f, g, o, beside each other.
        recurrent: what the frame before is to them.
    """

    def step(carry: Carry, now: Array) -> tuple[Carry, Array]:
        carry, _ = _frame(carry, now, recurrent)
        return carry, carry[0]

    return jax.lax.scan(step, _zeros(projected, recurrent), projected)[1]


def _frame(carry: Carry, now: Array, recurrent: Array) -> tuple[Carry, Array]:
    """The carry to the next frame, and the gates of this one."""
    hidden, cell = carry
    i, f, g, o = jnp.split(now + hidden @ recurrent, 4, axis=-1)
    i, f, g, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jnp.tanh(g), jax.nn.sigmoid(o)
    cell = f * cell + i * g
    return (o * jnp.tanh(cell), cell), jnp.concatenate([i, f, g, o], axis=-1)


def _zeros(projected: Array, recurrent: Array) -> Carry:
    zeros = jnp.zeros((projected.shape[1], len(recurrent)), projected.dtype)
    return zeros, zeros


def _forward(projected: Array, recurrent: Array) -> tuple[Array, Any]:
    def step(carry: Carry, now: Array) -> tuple[Carry, tuple[Carry, Array]]:
        carry, gates = _frame(carry, now, recurrent)
        return carry, (carry, gates)

    _, ((hiddens, cells), gates) = jax.lax.scan(step, _zeros(projected, recurrent), projected)
    return hiddens, (hiddens, cells, gates, recurrent)


def _backward(saved: Any, gradient: Array) -> tuple[Array, Array]:
    hiddens, cells, gates, recurrent = saved
    turned = recurrent.T

    def step(carry: Carry, frame: tuple[Array, ...]) -> tuple[Carry, Array]:
        dhidden, dcell = carry
        dy, cell, cell_before, gates = frame
        i, f, g, o = jnp.split(gates, 4, axis=-1)
        squashed = jnp.tanh(cell)
        dhidden += dy
        dcell += dhidden * o * (1 - squashed**2)
        dgates = (
            dcell * g * i * (1 - i),
            dcell * cell_before * f * (1 - f),
            dcell * i * (1 - g**2),
            dhidden * squashed * o * (1 - o),
        )
        dsums = jnp.concatenate(dgates, axis=-1)
        return (dsums @ turned, dcell * f), dsums

    frames = gradient, cells, _before(cells), gates
    _, dsums = jax.lax.scan(step, _zeros(gates, recurrent), frames, reverse=True)
    rows = dsums.shape[0] * dsums.shape[1]
    return dsums, _before(hiddens).reshape(rows, -1).T @ dsums.reshape(rows, -1)


def _before(sequence: Array) -> Array:
    """Each frame's predecessor, zeros for the first."""
    return jnp.concatenate([jnp.zeros_like(sequence[:1]), sequence[:-1]])


recurred.defvjp(_forward, _backward)
