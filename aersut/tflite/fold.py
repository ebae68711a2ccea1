"""BatchNorm folding: scale, offset and ReLU after a convolution become part of it, across a RESHAPE too.

TensorFlow Lite treats a convolution over frames as one over an image of width 1, so a RESHAPE separates it from the
next operator, and TensorFlow's converter folds adjacent operators only. Per-channel scale and offset, and the ReLU,
commute with the RESHAPE.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from aersut.tflite.graph import Graph

WEIGHTED = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": -1, "FULLY_CONNECTED": 0}
"""Operators with weights and a bias, and the axis of the output channels in the weights."""
NO_ACTIVATION = schema.ActivationFunctionType.NONE
RELU = schema.ActivationFunctionType.RELU


def fold(model: Any) -> None:
    """Fold a schema tree in place, without a change of its values except rounding; merge successive reshapes."""
    graph = Graph(model)
    while any(_folded(graph, operator) for operator in graph.operators if graph.name(operator) in WEIGHTED):
        pass
    while any(_merged(graph, operator) for operator in graph.operators if graph.name(operator) == "RESHAPE"):
        pass
    graph.remove_unused()


def _folded(graph: Graph, source: Any) -> bool:
    """Fold the next operator into this one where that is possible; return whether it was."""
    if source.builtinOptions.fusedActivationFunction != NO_ACTIVATION or graph.constant(source.inputs[1]) is None:
        return False
    result = _after_reshapes(graph, source.outputs[0])
    users = graph.users(result)
    if len(users) != 1 or result in graph.graph.outputs:
        return False
    [user] = users
    kind = graph.name(user)
    if kind == "RELU":
        source.builtinOptions.fusedActivationFunction = RELU
    elif not (kind in ("ADD", "SUB", "MUL") and _absorbed(graph, source, user, result, kind)):
        return False
    else:
        source.builtinOptions.fusedActivationFunction = user.builtinOptions.fusedActivationFunction
    graph.operators.remove(user)
    graph.redirect(user.outputs[0], result)
    return True


def _after_reshapes(graph: Graph, index: int) -> int:
    """The tensor after all reshapes that keep the number of channels."""
    users = graph.users(index)
    if len(users) != 1 or graph.name(users[0]) != "RESHAPE" or index in graph.graph.outputs:
        return index
    after = users[0].outputs[0]
    same = graph.shape(after)[-1:] == graph.shape(index)[-1:]
    return _after_reshapes(graph, after) if same else index


def _absorbed(graph: Graph, source: Any, user: Any, result: int, kind: str) -> bool:
    """Apply a per-channel (or scalar) scale or offset to weights and bias; False for any other operand."""
    first, second = user.inputs
    values = graph.constant(second if first == result else first)
    axis = WEIGHTED[graph.name(source)]
    weights = graph.constant(source.inputs[1])
    assert weights is not None
    channels = weights.shape[axis]
    if values is None or not (values.size == 1 or values.size == channels == values.shape[-1]):
        return False
    if (kind == "SUB" and first != result) or graph.shape(user.outputs[0]) != graph.shape(result):
        return False
    values = np.broadcast_to(values.reshape(-1), channels)
    known = graph.constant(source.inputs[2]) if len(source.inputs) > 2 else None
    bias = np.zeros(channels, np.float32) if known is None else known
    if kind == "MUL":
        scale = np.moveaxis(np.ones_like(weights), axis, -1) * values
        source.inputs[1] = graph.add_constant("weights", weights * np.moveaxis(scale, -1, axis))
        bias = bias * values
    else:
        bias = bias + values if kind == "ADD" else bias - values
    source.inputs = [*source.inputs[:2], graph.add_constant("bias", bias)]
    return True


def _merged(graph: Graph, second: Any) -> bool:
    """Let a reshape of a reshape read the first one's input; remove a reshape to the same shape."""
    source, result = second.inputs[0], second.outputs[0]
    if graph.shape(source) == graph.shape(result) and result not in graph.graph.outputs:
        graph.operators.remove(second)
        graph.redirect(result, source)
        return True
    for first in graph.operators:
        if source in list(first.outputs) and graph.name(first) == "RESHAPE":
            second.inputs[0] = first.inputs[0]
            return True
    return False
