"""TensorFlow Lite's LSTM operator in place of the custom operator that the LSTM layer emits.

The converter turns an LSTM in JAX into a loop, which it cannot quantize, or, unrolled, into one operator per gate and
frame. The layer therefore emits one custom operator for all of it (`aersut.models.network.FUSED_LSTM`). The converter
keeps it, whatever network surrounds it, and this module replaces it by UNIDIRECTIONAL_SEQUENCE_LSTM.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from jaxtyping import Float

from aersut.errors import UserError
from aersut.models.network import FUSED_LSTM
from aersut.tflite.file import TYPES
from aersut.tflite.graph import Graph

GATES = ("input", "forget", "cell", "output")
"""The order of gates in TensorFlow Lite's operator, and in the layer's weights."""
LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
NONE = -1


def fuse_lstms(model: Any) -> None:
    """Replace all custom LSTM operators of a schema tree, in place.

    Raises:
        UserError: the weights of an LSTM are computed, or it is inside a loop.
    """
    graph = Graph(model)
    for operator in graph.operators:
        if graph.name(operator) == FUSED_LSTM:
            _fuse(graph, operator)
    for subgraph in range(len(model.subgraphs)):
        nested = Graph(model, subgraph)
        if any(nested.name(operator) == FUSED_LSTM for operator in nested.operators):
            raise UserError("an LSTM inside a loop (lax.scan, lax.map) cannot be exported; unroll the loop.")
    graph.remove_unused()


def _fuse(graph: Graph, operator: Any) -> None:
    x, *weights = operator.inputs[:4]
    values = [graph.constant(index) for index in weights]
    if any(value is None for value in values):
        raise UserError("an LSTM whose weights are computed from the input cannot be exported.")
    kernel, recurrent, bias = values
    indices = [
        graph.add_constant(f"lstm_{kind}_{gate}", matrix)
        for kind, value in (("kernel", kernel), ("recurrent", recurrent), ("bias", bias))
        for gate, matrix in zip(GATES, np.split(np.transpose(value), 4), strict=True)  # type: ignore[arg-type]
    ]
    batch, _, units = graph.shape(operator.outputs[0])
    states = [graph.add_tensor("lstm_state", (batch, units), "float32", variable=True) for _ in ("hidden", "cell")]
    peepholes, projection, norms = [NONE] * 3, [NONE] * 2, [NONE] * 4
    operator.inputs = [x, *indices[:8], *peepholes, *indices[8:], *projection, *states, *norms]
    operator.opcodeIndex = graph.operator_code(LSTM)
    operator.customOptions = None
    operator.builtinOptionsType = schema.BuiltinOptions.UnidirectionalSequenceLSTMOptions
    operator.builtinOptions = schema.UnidirectionalSequenceLSTMOptionsT(
        fusedActivationFunction=schema.ActivationFunctionType.TANH
    )


def cell_states(
    graph: Graph, operator: Any, x: Float[np.ndarray, "batch frames inputs"]
) -> Float[np.ndarray, "frames batch units"]:
    """Cell states of a float32 LSTM after each frame, which no tensor of the file exposes."""
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
    """Clear the state of each LSTM at the beginning of every call, in place.

    TensorFlow Lite keeps the state from one call to the next unless the caller resets it. A missing reset raises no
    error, it only makes outputs wrong. With an operator that writes zeros first, outputs depend on the input only, in
    every interpreter.
    """
    graph = Graph(model)
    cleared = []
    for operator in graph.operators:
        if graph.name(operator) == LSTM:
            cleared += [_cleared(graph, index) for index in operator.inputs[18:20]]
        cleared.append(operator)
    graph.graph.operators = cleared


def _cleared(graph: Graph, index: int) -> Any:
    # SLICE, because LiteRT computes it in every call, and RESHAPE or CONCATENATION of constants only once
    tensor, shape = graph.tensor(index), np.array(graph.shape(index), np.int32)
    quantization = tensor.quantization
    zero = 0 if quantization is None or quantization.zeroPoint is None else quantization.zeroPoint[0]
    zeros = graph.add_constant("zeros", np.full(shape, zero, np.dtype(TYPES[tensor.type])))
    graph.tensor(zeros).quantization = quantization
    inputs = zeros, graph.add_constant("begin", 0 * shape), graph.add_constant("size", shape)
    return graph.new_operator("SLICE", inputs, [index], schema.SliceOptionsT())
