"""Join two .tflite files into one, and add int8 input or output to a float32 file."""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from aersut.tflite.file import Tensor, TFLiteFile
from aersut.tflite.graph import Graph


def quantized_output(file: TFLiteFile, to: Tensor) -> TFLiteFile:
    """The file with QUANTIZE after its first output, in float32: int8 output with scale and zero point of `to`."""
    return file.edited(lambda model: _quantize_output(Graph(model), to))


def quantized_input(file: TFLiteFile, to: Tensor) -> TFLiteFile:
    """The file with DEQUANTIZE before its one float32 input: int8 input with scale and zero point of `to`."""

    def edit(model: Any) -> None:
        graph = Graph(model)
        [after] = graph.graph.inputs
        before = _add_int8(graph, graph.shape(after), to)
        graph.operators.insert(0, graph.new_operator("DEQUANTIZE", [before], [after], schema.DequantizeOptionsT()))
        graph.graph.inputs = [before]
        for signature in model.signatureDefs or []:
            signature.inputs[0].tensorIndex = before

    return file.edited(edit)


def joined(first: TFLiteFile, second: TFLiteFile, name: str) -> TFLiteFile:
    """One file in which `second` reads the output of `first`; from float32 to int8 there is a QUANTIZE between them.

    Both may have further graphs, the bodies of their loops.

    Raises:
        ValueError: a file has more than one input or output.
    """

    def edit(model: Any) -> None:
        after = second.model()
        for one in (model, after):
            if len(one.subgraphs[0].inputs) != 1 or len(one.subgraphs[0].outputs) != 1:
                raise ValueError("only files with one input and one output can be joined")
        graph = Graph(model)
        if second.inputs[0].type == "int8" and first.outputs[0].type == "float32":
            _quantize_output(graph, second.inputs[0])
        _append(graph, after)

    return first.edited(edit, name=name)


def _append(graph: Graph, after: Any) -> None:
    model, more = graph.model, after.subgraphs[0]
    shift, entry, seam = len(graph.graph.tensors), int(more.inputs[0]), int(graph.graph.outputs[0])

    def moved(indices: Any) -> list[int]:
        # -1 is an omitted input
        return [seam if index == entry else index + shift if index >= 0 else index for index in indices]

    for subgraph in after.subgraphs:
        for tensor in subgraph.tensors:
            tensor.buffer += len(model.buffers)
        for operator in subgraph.operators:
            operator.opcodeIndex += len(model.operatorCodes)
            _move_loop(operator, len(model.subgraphs) - 1)
    for operator in more.operators:
        for field in ("inputs", "outputs", "intermediates"):
            setattr(operator, field, moved(getattr(operator, field) or ()))
    graph.graph.tensors += more.tensors
    model.subgraphs += after.subgraphs[1:]
    graph.operators.extend(more.operators)
    model.buffers += after.buffers
    model.operatorCodes += after.operatorCodes
    _set_output(graph, int(more.outputs[0]) + shift)
    graph.remove_unused()


def _move_loop(operator: Any, by: int) -> None:
    """Add `by` to the indices of the graphs of a loop."""
    if isinstance(options := operator.builtinOptions, schema.WhileOptionsT):
        options.condSubgraphIndex += by
        options.bodySubgraphIndex += by


def _quantize_output(graph: Graph, to: Tensor) -> None:
    before = graph.graph.outputs[0]
    after = _add_int8(graph, graph.shape(before), to)
    graph.operators.append(graph.new_operator("QUANTIZE", [before], [after], schema.QuantizeOptionsT()))
    _set_output(graph, after)


def _add_int8(graph: Graph, shape: tuple[int, ...], to: Tensor) -> int:
    index = graph.add_tensor("int8", shape, "int8")
    parameters = graph.tensor(index).quantization
    parameters.scale, parameters.zeroPoint = np.array([to.scale], np.float32), np.array([to.zero_point], np.int64)
    return index


def _set_output(graph: Graph, index: int) -> None:
    # the signature, which names the outputs for callers, has indices of its own
    before, *others = graph.graph.outputs
    graph.graph.outputs = [index, *others]
    for signature in graph.model.signatureDefs or []:
        for output in signature.outputs:
            if output.tensorIndex == before:
                output.tensorIndex = index
