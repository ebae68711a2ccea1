"""TensorFlow Lite's own LSTM in place of each operator that the LSTM layer left for it.

The converter makes a loop of an LSTM in JAX, which it cannot quantize, or, unrolled, one operator per gate and frame.
The layer therefore leaves one operator that stands for all of it (`aersut.models.network.FUSED_LSTM`); the converter
carries it through, whatever the network around it is, and here UNIDIRECTIONAL_SEQUENCE_LSTM is put in its place.
"""

from typing import Any, Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from jaxtyping import Float

from aersut.errors import UserError
from aersut.export.flatbuffer import TYPES
from aersut.export.graph import Graph
from aersut.models.network import FUSED_LSTM

GATES = ("input", "forget", "cell", "output")
"""The order of gates in TensorFlow Lite's operator, and in the layer's weights."""
LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
NONE = -1


def fuse_lstms(model: Any) -> None:
    """Replace them all, in place.

    Raises:
        UserError: the weights of one are computed, or it is inside a loop.
    """
    graph = Graph(model)
    for operator in graph.operators:
        if graph.name(operator) == FUSED_LSTM:
            _fuse(graph, operator)
    for place in range(len(model.subgraphs)):
        nested = Graph(model, place)
        if any(nested.name(operator) == FUSED_LSTM for operator in nested.operators):
            raise UserError("an LSTM inside a loop (lax.scan, lax.map) cannot be exported; write its layers out.")
    graph.remove_unused()


def _fuse(graph: Graph, operator: Any) -> None:
    x, *weights = operator.inputs[:4]
    values = [graph.constant(place) for place in weights]
    if any(value is None for value in values):
        raise UserError("an LSTM whose weights are computed from the input cannot be exported.")
    kernel, recurrent, bias = values
    places = [
        graph.add_constant(f"lstm_{kind}_{gate}", part)
        for kind, value in (("kernel", kernel), ("recurrent", recurrent), ("bias", bias))
        for gate, part in zip(GATES, np.split(np.transpose(value), 4), strict=True)  # type: ignore[arg-type]
    ]
    batch, _, units = graph.shape(operator.outputs[0])
    states = [graph.add_tensor("lstm_state", (batch, units), "float32", variable=True) for _ in ("hidden", "cell")]
    peepholes, projection, norms = [NONE] * 3, [NONE] * 2, [NONE] * 4
    operator.inputs = [x, *places[:8], *peepholes, *places[8:], *projection, *states, *norms]
    operator.opcodeIndex = graph.operator_code(LSTM)
    operator.customOptions = None
    operator.builtinOptionsType = schema.BuiltinOptions.UnidirectionalSequenceLSTMOptions
    operator.builtinOptions = schema.UnidirectionalSequenceLSTMOptionsT(
        fusedActivationFunction=schema.ActivationFunctionType.TANH
    )


def shrink_weights(model: Any, dtype: Literal["float16", "int8"]) -> None:
    """Store the weights of all LSTMs, not their biases, in fewer bits, in place; the quantizer leaves them alone.

    As float16 they are converted back before use; int8, one scale per matrix, is what the operator takes as it is.
    """
    graph = Graph(model)
    for operator in [one for one in graph.operators if graph.name(one) == LSTM]:
        for slot in range(1, 9):
            values = graph.constant(operator.inputs[slot])
            assert values is not None
            if dtype == "int8":
                scale = max(float(np.abs(values).max()), 1e-9) / 127
                place = graph.add_constant("lstm_weights", np.round(values / scale).astype(np.int8))
                graph.tensor(place).quantization = schema.QuantizationParametersT(scale=[scale], zeroPoint=[0])
            else:
                place = graph.add_tensor("lstm_weights", values.shape, "float32")
                stored = graph.add_constant("lstm_weights", values.astype(np.float16))
                code = graph.operator_code("DEQUANTIZE", 3)
                at = graph.operators.index(operator)
                graph.operators.insert(at, schema.OperatorT(opcodeIndex=code, inputs=[stored], outputs=[place]))
            operator.inputs[slot] = place
    graph.remove_unused()


def cell_states(
    graph: Graph, operator: Any, x: Float[np.ndarray, "batch frames inputs"]
) -> Float[np.ndarray, "frames batch units"]:
    """What an LSTM in float32 keeps in its cells after each frame, which no tensor of a file shows."""
    kernel, recurrent, bias = (
        np.concatenate([graph.constant(operator.inputs[slot]) for slot in slots])
        for slots in (range(1, 5), range(5, 9), range(12, 16))
    )
    projected = np.swapaxes(x, 0, 1) @ kernel.T + bias
    hidden, cell = (np.zeros((len(x), len(bias) // 4), np.float32) for _ in range(2))
    states = []
    for frame in projected:
        i, f, g, o = np.split(frame + hidden @ recurrent.T, 4, axis=-1)
        cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
        hidden = _sigmoid(o) * np.tanh(cell)
        states.append(cell)
    return np.stack(states)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(x / 2)


def clear_states(model: Any) -> None:
    """Let each LSTM begin with a cleared state, in place.

    TensorFlow Lite keeps the state from one call to the next unless the caller resets it, which is forgotten easily and
    told by nothing but wrong answers. Here an operator writes zeros over it first, so that a file is a function of its
    input, wherever it runs.
    """
    graph = Graph(model)
    cleared = []
    for operator in graph.operators:
        if graph.name(operator) == LSTM:
            cleared += [_cleared(graph, place) for place in operator.inputs[18:20]]
        cleared.append(operator)
    graph.graph.operators = cleared


def _cleared(graph: Graph, place: int) -> Any:
    # SLICE, because LiteRT computes it anew in every call; RESHAPE and CONCATENATION of constants once and for all
    tensor, shape = graph.tensor(place), np.array(graph.shape(place), np.int32)
    quantization = tensor.quantization
    zero = 0 if quantization is None or quantization.zeroPoint is None else quantization.zeroPoint[0]
    zeros = graph.add_constant("zeros", np.full(shape, zero, np.dtype(TYPES[tensor.type])))
    graph.tensor(zeros).quantization = quantization
    return schema.OperatorT(
        opcodeIndex=graph.operator_code("SLICE"),
        inputs=[zeros, graph.add_constant("begin", 0 * shape), graph.add_constant("size", shape)],
        outputs=[place],
        builtinOptionsType=schema.BuiltinOptions.SliceOptions,
        builtinOptions=schema.SliceOptionsT(),
    )
