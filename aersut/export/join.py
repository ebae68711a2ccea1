"""Join two .tflite files, or let one take or give int8."""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from aersut.export.flatbuffer import Tensor, describe, pack, unpack
from aersut.export.graph import Graph


def quantized_output(file: bytes, to: Tensor) -> bytes:
    """A file of one float output with one operator more, QUANTIZE, so that it gives int8 as `to` is quantized."""
    model = unpack(file)
    _quantize_output(Graph(model), to)
    return pack(model)


def quantized_input(file: bytes, to: Tensor) -> bytes:
    """A file of one float input with one operator more, DEQUANTIZE, so that it takes int8 as `to` is quantized."""
    model = unpack(file)
    graph = Graph(model)
    [after] = graph.graph.inputs
    before = _add_int8(graph, graph.shape(after), to)
    options = schema.BuiltinOptions.DequantizeOptions, schema.DequantizeOptionsT()
    graph.operators.insert(0, _operator(graph, "DEQUANTIZE", before, after, options))
    graph.graph.inputs = [before]
    for signature in model.signatureDefs or []:
        signature.inputs[0].tensorIndex = before
    return pack(model)


def joined(first: bytes, second: bytes) -> bytes:
    """One file that hands the output of `first` to `second`; between float and int8 there is a QUANTIZE.

    Raises:
        ValueError: a file has more than one graph (a loop), input or output.
    """
    model, after = unpack(first), unpack(second)
    for one in (model, after):
        if len(one.subgraphs) != 1 or len(one.subgraphs[0].inputs) != 1 or len(one.subgraphs[0].outputs) != 1:
            raise ValueError("only files of one graph with one input and one output can be joined")
    graph, more = Graph(model), after.subgraphs[0]
    if describe(second).inputs[0].type == "int8" and describe(first).outputs[0].type == "float32":
        _quantize_output(graph, describe(second).inputs[0])
    shift, entry, seam = len(graph.graph.tensors), int(more.inputs[0]), int(graph.graph.outputs[0])

    def moved(places: Any) -> list[int]:
        # -1 stands for an input that is left out
        return [seam if place == entry else place + shift if place >= 0 else place for place in places]

    for tensor in more.tensors:
        tensor.buffer += len(model.buffers)
    for operator in more.operators:
        operator.opcodeIndex += len(model.operatorCodes)
        for field in ("inputs", "outputs", "intermediates"):
            setattr(operator, field, moved(getattr(operator, field) or ()))
    graph.graph.tensors += more.tensors
    graph.operators.extend(more.operators)
    model.buffers += after.buffers
    model.operatorCodes += after.operatorCodes
    _end_in(graph, int(more.outputs[0]) + shift)
    graph.remove_unused()
    return pack(model)


def _quantize_output(graph: Graph, to: Tensor) -> None:
    [before] = graph.graph.outputs
    after = _add_int8(graph, graph.shape(before), to)
    options = schema.BuiltinOptions.QuantizeOptions, schema.QuantizeOptionsT()
    graph.operators.append(_operator(graph, "QUANTIZE", before, after, options))
    _end_in(graph, after)


def _add_int8(graph: Graph, shape: tuple[int, ...], to: Tensor) -> int:
    place = graph.add_tensor("int8", shape, "int8")
    parameters = graph.tensor(place).quantization
    parameters.scale, parameters.zeroPoint = np.array([to.scale], np.float32), np.array([to.zero_point], np.int64)
    return place


def _operator(graph: Graph, name: str, before: int, after: int, options: tuple[int, Any]) -> Any:
    return schema.OperatorT(
        opcodeIndex=graph.operator_code(name),
        inputs=[before],
        outputs=[after],
        builtinOptionsType=options[0],
        builtinOptions=options[1],
    )


def _end_in(graph: Graph, place: int) -> None:
    # the signature, which names the output for callers, has an index of its own
    graph.graph.outputs = [place]
    for signature in graph.model.signatureDefs or []:
        signature.outputs[0].tensorIndex = place
