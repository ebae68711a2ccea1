"""Cost of a network on a device: parameters, multiply-accumulates, weight bytes; from shapes, without running it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from aersut.contracts import Model
from aersut.models.network import evaluation_view
from aersut.registry import MODELS

REFERENCE_SIZE = (94, 64, 8)
"""Frames, channels and classes of `cost_table`: 64 bands, 3 s at 16 kHz, hop length 512."""


@dataclass(frozen=True)
class Cost:
    """The cost of one inference, batch 1.

    Attributes:
        parameters: number of trainable parameters.
        macs: multiply-accumulates of convolutions and matrix products, without element-wise operations (activations,
            gates, pooling).
        int8_bytes: size of the weights in an int8 model: 1 byte for an entry of a matrix, 4 for a bias; BatchNorm's
            scale is folded into the preceding convolution. The graph adds 100 to 200 bytes per operator.
    """

    parameters: int
    macs: int
    int8_bytes: int


def cost(model: Model, frames: int, channels: int, classes: int) -> Cost:
    """Cost of `model` on an input f32[frames, channels].

    Raises:
        ValueError: the model cannot be built for this input.
    """
    network = evaluation_view(nnx.eval_shape(lambda: model.build(frames, channels, classes, nnx.Rngs(0))))
    clip = jax.eval_shape(lambda: jnp.zeros((1, frames, channels)))
    forward = jax.make_jaxpr(lambda network, clip: network(clip))(network, clip)
    leaves = [(str(path[-1]), leaf.shape) for path, leaf in nnx.to_flat_state(nnx.state(network, nnx.Param))]
    return Cost(
        parameters=sum(math.prod(shape) for _, shape in leaves),
        macs=sum(_macs(equation) for equation in forward.jaxpr.eqns),
        int8_bytes=sum(_bytes(name, shape) for name, shape in leaves),
    )


def cost_table() -> str:
    """A table of the cost of each registered model with default fields, for inputs of `REFERENCE_SIZE`."""
    frames, channels, classes = REFERENCE_SIZE
    lines = [
        f"cost of models on {frames} frames × {channels} channels (3 s, 16 kHz, hop 512, 64 mels), {classes} classes",
        f"  {'':28}{'parameters':>12}{'multiply-accumulates':>22}{'int8 weights':>15}",
    ]
    for name in MODELS.names():
        try:
            found = cost(MODELS[name](), *REFERENCE_SIZE)
        except (TypeError, ValueError) as error:  # a plugin may have fields without defaults, or not accept this input
            lines.append(f"  {name:28}cannot be built with default fields for this input: {error}")
            continue
        lines.append(f"  {name:28}{found.parameters:12,}{found.macs:22,}{found.int8_bytes:9,} bytes")
    return "\n".join(lines)


def _bytes(name: str, shape: tuple[int, ...]) -> int:
    if len(shape) > 1:
        return math.prod(shape)
    return 0 if name == "scale" else 4 * math.prod(shape)


def _macs(equation: Any) -> int:
    """Multiply-accumulates of an equation of a jaxpr, including those of nested jaxprs."""
    out = math.prod(equation.outvars[0].aval.shape) if equation.outvars else 0
    if equation.primitive.name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        return out * math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)
    if equation.primitive.name == "conv_general_dilated":
        kernel = equation.invars[1].aval.shape
        return out * math.prod(kernel) // kernel[equation.params["dimension_numbers"].rhs_spec[0]]
    inner = [sum(_macs(one) for one in jaxpr.eqns) for jaxpr in _nested_jaxprs(equation.params.values())]
    if equation.primitive.name == "cond":
        return max(inner)
    return int(equation.params.get("length", 1)) * sum(inner)


def _nested_jaxprs(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _nested_jaxprs(value)
        elif hasattr(value, "jaxpr"):
            yield value.jaxpr
        elif hasattr(value, "eqns"):
            yield value
