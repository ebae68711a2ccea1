"""What a network costs a device: weights to store, multiplications to do; from shapes alone, nothing is run."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from aersut.contracts import Model
from aersut.registry import MODELS

USUAL = (94, 64, 8)
"""Frames, channels and classes that `costs` counts for: 64 bands of 3 s at 16 kHz, a frame every 512 samples."""


@dataclass(frozen=True)
class Cost:
    """The cost of one inference, batch 1.

    Attributes:
        parameters: trained weights.
        macs: multiply-accumulates of its convolutions and matrix products; element-wise work (activations, gates,
            pooling) is not among them.
        int8_bytes: of the weights in an int8 file: 1 for an entry of a matrix, 4 for a bias; BatchNorm's scale is
            folded into the convolution before it. The file adds its graph to that, 100 to 200 bytes an operator.
    """

    parameters: int
    macs: int
    int8_bytes: int


def cost(model: Model, frames: int, channels: int, classes: int) -> Cost:
    """Count what `model` costs on f32[frames, channels].

    Raises:
        ValueError: the input does not fit the model.
    """
    network = nnx.eval_shape(lambda: model.build(frames, channels, classes, nnx.Rngs(0)))
    still: Any = {"deterministic": True, "use_running_average": True}
    network = nnx.view(network, raise_if_not_found=False, **still)
    graph, params, rest = nnx.graphdef(network), nnx.state(network, nnx.Param), nnx.state(network, nnx.Not(nnx.Param))
    clip = jax.eval_shape(lambda: jnp.zeros((1, frames, channels)))
    forward = jax.make_jaxpr(lambda params, rest, clip: nnx.merge(graph, params, rest)(clip))(params, rest, clip)
    leaves = [(str(path[-1]), leaf.shape) for path, leaf in nnx.to_flat_state(params)]
    return Cost(
        parameters=sum(math.prod(shape) for _, shape in leaves),
        macs=sum(_macs(equation) for equation in forward.jaxpr.eqns),
        int8_bytes=sum(_bytes(name, shape) for name, shape in leaves),
    )


def costs() -> str:
    """A table of every registered model with its defaults, on input of the `USUAL` size."""
    frames, channels, classes = USUAL
    lines = [
        f"costs of models on {frames} frames × {channels} channels (3 s, 16 kHz, hop 512, 64 mels), {classes} classes",
        f"  {'':28}{'parameters':>12}{'multiply-accumulates':>22}{'int8 weights':>15}",
    ]
    for name in MODELS.names():
        try:
            found = cost(MODELS[name](), *USUAL)
        except (TypeError, ValueError) as error:  # a plugin's fields may have no defaults, or not take such input
            lines.append(f"  {name:28}not with its defaults on such input: {error}")
            continue
        lines.append(f"  {name:28}{found.parameters:12,}{found.macs:22,}{found.int8_bytes:9,} bytes")
    return "\n".join(lines)


def _bytes(name: str, shape: tuple[int, ...]) -> int:
    if len(shape) > 1:
        return math.prod(shape)
    return 0 if name == "scale" else 4 * math.prod(shape)


def _macs(equation: Any) -> int:
    """Multiply-accumulates of one equation of a jaxpr, with those of the jaxprs inside it."""
    out = math.prod(equation.outvars[0].aval.shape) if equation.outvars else 0
    if equation.primitive.name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        return out * math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)
    if equation.primitive.name == "conv_general_dilated":
        kernel = equation.invars[1].aval.shape
        return out * math.prod(kernel) // kernel[equation.params["dimension_numbers"].rhs_spec[0]]
    inner = [sum(_macs(one) for one in jaxpr.eqns) for jaxpr in _inside(equation.params.values())]
    if equation.primitive.name == "cond":
        return max(inner)
    return int(equation.params.get("length", 1)) * sum(inner)


def _inside(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _inside(value)
        elif hasattr(value, "jaxpr"):
            yield value.jaxpr
        elif hasattr(value, "eqns"):
            yield value
