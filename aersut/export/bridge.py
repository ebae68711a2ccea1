"""From the JAX network to a float32 TensorFlow Lite file."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float

from aersut.errors import UserError
from aersut.export.flatbuffer import describe, pack, unpack
from aersut.export.fold import fold
from aersut.export.graph import CODES
from aersut.export.lstm import fuse_lstms
from aersut.models.network import FUSED_LSTM
from aersut.training.state import Graphs, TrainState


def to_tflite(
    function: Callable[..., Array], shapes: Sequence[tuple[int | None, ...]], dtype: str = "float32"
) -> bytes:
    """A JAX function of arrays as a .tflite file in float32, before it is quantized.

    What BatchNorm computes is folded into the layer before it, and the LSTM is one operator.

    Args:
        shapes: of the inputs; None is a size that is left open, which needs a network that is not `fused`.
        dtype: of the inputs.

    Raises:
        UserError: TensorFlow Lite has no operator for something in it, which is named.
    """
    model = unpack(_convert(function, shapes, dtype))
    fuse_lstms(model)
    fold(model)
    file = pack(model)
    foreign = sorted({name for name in describe(file).operators if name.startswith("STABLEHLO") or name not in CODES})
    if foreign:
        raise UserError(
            f"TensorFlow Lite has no operator for what is computed with {', '.join(foreign)}; write it in other "
            "operators, or declare exportable = False."
        )
    return file


def probabilities(graphs: Graphs, state: TrainState, *, fused: bool) -> Callable[[Array], Array]:
    """The network with softmax at its end, to be traced: scaled features in, probabilities out.

    Args:
        fused: the LSTM as TensorFlow Lite's own operator, as the quantizer and boards want it. It takes a batch of one
            size; without it the LSTM becomes a loop, which LiteRT runs in float32.
    """

    def function(features: Float[Array, "batch frames channels"]) -> Float[Array, "batch classes"]:
        # merged in here: a network from outside would belong to another trace
        network = nnx.merge(graphs.evaluation, state.weights, state.rest, copy=True)
        return jax.nn.softmax(nnx.view(network, raise_if_not_found=False, fused=fused)(features))

    return function


def _convert(function: Callable[..., Array], shapes: Sequence[tuple[int | None, ...]], dtype: str) -> bytes:
    import tensorflow as tf
    from jax.experimental import jax2tf

    open_sizes = [", ".join("b" if size is None else "_" for size in shape) for shape in shapes]
    converted = jax2tf.convert(
        function,
        with_gradient=False,
        polymorphic_shapes=open_sizes,
        native_serialization_disabled_checks=[jax2tf.DisabledSafetyCheck.custom_call(FUSED_LSTM)],
    )
    signature = [tf.TensorSpec(shape, dtype, name=f"input_{place}") for place, shape in enumerate(shapes)]
    module = tf.Module()
    module.f = tf.function(converted, autograph=False, input_signature=signature)  # the converter needs a holder
    converter: Any = tf.lite.TFLiteConverter.from_concrete_functions([module.f.get_concrete_function()], module)
    converter.allow_custom_ops = True  # `fuse_lstms` takes their place
    converter.exclude_conversion_metadata = True
    return bytes(converter.convert())
