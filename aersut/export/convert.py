"""Conversion of JAX functions, such as the network, to float32 TensorFlow Lite files."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float

from aersut.contracts import Feature
from aersut.errors import UserError
from aersut.export.lstm import LSTM, fuse_lstms
from aersut.models.network import FUSED_LSTM, Network
from aersut.registry import FEATURES
from aersut.tflite.file import TFLiteFile
from aersut.tflite.fold import fold
from aersut.tflite.graph import CODES


def to_tflite(
    function: Callable[..., Array | tuple[Array, ...]],
    shapes: Sequence[tuple[int | None, ...]],
    dtype: str = "float32",
    name: str = "the float32 file",
) -> TFLiteFile:
    """Convert a JAX function of arrays to a float32 file, the input of `aersut.export.quantize`.

    BatchNorm is folded into the layer before it, and each LSTM is one operator.

    Args:
        shapes: of the inputs; None leaves a size open, which needs a network that is not `fused`.
        dtype: of the first input; the others are float32.
        name: of the file, for messages.

    Raises:
        UserError: TensorFlow Lite lacks an operator, which is named.
    """
    file = TFLiteFile(_convert(function, shapes, dtype), name).edited(_in_order, fuse_lstms, fold)
    foreign = sorted({name for name in file.operators if name.startswith("STABLEHLO") or name not in CODES})
    if foreign:
        raise UserError(
            f"TensorFlow Lite has no operator for {', '.join(foreign)}; express the computation in other operators, or "
            "declare exportable = False."
        )
    return file


def convert_features(features: tuple[Feature, ...], convert: Callable[[tuple[Feature, ...]], TFLiteFile]) -> TFLiteFile:
    """Convert all features to one file; where that fails, convert each alone to name the one that fails."""
    from tensorflow.lite.python.convert_phase import ConverterError

    try:
        return convert(features)
    except (ConverterError, UserError):
        for feature in features:
            try:
                convert((feature,))
            except (ConverterError, UserError) as error:
                operator = re.search(r"(?<=')[\w.]+(?=' op)|STABLEHLO_\w+", str(error))
                raise UserError(
                    f"feature '{FEATURES.name_of(feature)}' needs an operator that TensorFlow Lite lacks"
                    f"{f' ({operator[0]})' if operator else ''}, so no file can compute it from samples. "
                    "Compute the features yourself for model_*.tflite, or train without this feature."
                ) from None
        raise


def probabilities(network: Callable[[], Network], *, fused: bool) -> Callable[[Array], Array]:
    """The network followed by softmax, to be traced: scaled features to probabilities.

    Args:
        network: builds the evaluation network, inside the trace: `Trained.network`.
        fused: whether an LSTM becomes TensorFlow Lite's own operator, which int8 needs. It has a fixed batch size;
            otherwise the LSTM becomes a loop.
    """

    def function(features: Float[Array, "batch frames channels"]) -> Float[Array, "batch classes"]:
        return jax.nn.softmax(nnx.view(network(), raise_if_not_found=False, fused=fused)(features))

    return function


def classifier_graphs(network: Callable[[], Network], shape: tuple[int, int]) -> tuple[TFLiteFile, TFLiteFile]:
    """The float32 files that the number formats are made from: for formats with float and with integer activations.

    They are equal unless the network has an LSTM. Then the first one has a loop, which each runtime of LiteRT and
    TensorFlow Lite Micro runs. The second one has TensorFlow Lite's LSTM operator, which the quantizer needs.

    Args:
        network: builds the evaluation network, inside the trace.
        shape: frames and channels of the input.

    Raises:
        UserError: TensorFlow Lite lacks an operator, which is named.
    """
    integer = to_tflite(probabilities(network, fused=True), [(1, *shape)])
    if LSTM not in integer.operators:
        return integer, integer
    return to_tflite(probabilities(network, fused=False), [(1, *shape)]), integer


def _in_order(model: Any) -> None:
    # the converter may list the inputs and outputs of a graph in another order than the function's
    for signature in model.signatureDefs or []:
        graph = model.subgraphs[signature.subgraphIndex]
        graph.inputs, graph.outputs = (
            [tensor.tensorIndex for tensor in sorted(tensors, key=lambda tensor: int(tensor.name.split(b"_")[-1]))]
            for tensors in (signature.inputs, signature.outputs)
        )


def _convert(
    function: Callable[..., Array | tuple[Array, ...]], shapes: Sequence[tuple[int | None, ...]], dtype: str
) -> bytes:
    import tensorflow as tf
    from jax.experimental import jax2tf

    open_sizes = [", ".join("b" if size is None else "_" for size in shape) for shape in shapes]
    converted = jax2tf.convert(
        function,
        with_gradient=False,
        polymorphic_shapes=open_sizes,
        native_serialization_disabled_checks=[jax2tf.DisabledSafetyCheck.custom_call(FUSED_LSTM)],
    )
    types = [dtype, *["float32"] * (len(shapes) - 1)]
    signature = [
        tf.TensorSpec(shape, kind, name=f"input_{index}")
        for index, (shape, kind) in enumerate(zip(shapes, types, strict=True))
    ]
    module = tf.Module()
    module.f = tf.function(converted, autograph=False, input_signature=signature)  # the converter needs an owner
    converter: Any = tf.lite.TFLiteConverter.from_concrete_functions([module.f.get_concrete_function()], module)
    converter.allow_custom_ops = True  # `fuse_lstms` replaces them
    converter.exclude_conversion_metadata = True
    return bytes(converter.convert())
