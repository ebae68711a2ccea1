"""Small changes to a graph of a .tflite file, in terms of LiteRT's schema."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from jaxtyping import Shaped

from aersut.export.flatbuffer import OPERATORS, TYPES, operator_name

CODES = {name: code for code, name in OPERATORS.items()}
TYPE_CODES = {name: code for code, name in TYPES.items()}


class Graph:
    """One graph of a file, and the file's tables that it refers to."""

    def __init__(self, model: Any, place: int = 0) -> None:
        self.model = model
        self.graph = model.subgraphs[place]

    @property
    def operators(self) -> list[Any]:
        operators: list[Any] = self.graph.operators
        return operators

    def name(self, operator: Any) -> str:
        return operator_name(self.model, operator)

    def tensor(self, place: int) -> Any:
        return self.graph.tensors[place]

    def shape(self, place: int) -> tuple[int, ...]:
        shape = self.tensor(place).shape
        return tuple(int(size) for size in (() if shape is None else shape))

    def constant(self, place: int) -> Shaped[np.ndarray, "*shape"] | None:
        """The values of a tensor that lie in the file; None where they are computed."""
        if place < 0:
            return None
        tensor = self.tensor(place)
        data = self.model.buffers[tensor.buffer].data
        if data is None or len(data) == 0:
            return None
        return np.frombuffer(bytes(data), np.dtype(TYPES[tensor.type])).reshape(self.shape(place))

    def add_constant(self, name: str, values: Shaped[np.ndarray, "*shape"]) -> int:
        """Add a tensor whose values lie in the file; return its place."""
        self.model.buffers.append(schema.BufferT(data=np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)))
        return self.add_tensor(name, values.shape, str(values.dtype), len(self.model.buffers) - 1)

    def add_tensor(
        self, name: str, shape: Sequence[int], dtype: str, buffer: int = 0, *, variable: bool = False
    ) -> int:
        """Add a tensor; buffer 0 is the empty one of those that are computed."""
        tensor = schema.TensorT(
            shape=list(shape),
            type=TYPE_CODES[dtype],
            buffer=buffer,
            name=f"{name}_{len(self.graph.tensors)}".encode(),  # quantizers tell tensors apart by their names
            isVariable=variable,
            hasRank=True,
            quantization=schema.QuantizationParametersT(),
        )
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator_code(self, name: str, version: int = 1) -> int:
        """The place of a built-in operator in the file's table, where it is added if need be."""
        for place, code in enumerate(self.model.operatorCodes):
            if code.builtinCode == CODES[name] and code.version == version:
                return place
        code = schema.OperatorCodeT(
            builtinCode=CODES[name], deprecatedBuiltinCode=min(CODES[name], 127), version=version
        )
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1

    def users(self, place: int) -> list[Any]:
        """The operators that read a tensor."""
        return [operator for operator in self.operators if place in list(operator.inputs)]

    def redirect(self, before: int, after: int) -> None:
        """Let whoever reads a tensor read another; the graph's outputs and signature too."""
        for operator in self.operators:
            operator.inputs = [after if place == before else place for place in operator.inputs]
        self.graph.outputs = [after if place == before else place for place in self.graph.outputs]
        for signature in self.model.signatureDefs or []:
            for entry in signature.outputs:
                entry.tensorIndex = after if entry.tensorIndex == before else entry.tensorIndex

    def remove_unused(self) -> None:
        """Take out operators, tensors, buffers and operator codes that nothing needs; the signature follows."""
        needed = set(self.graph.outputs)
        kept: list[Any] = []
        for operator in reversed(self.operators):
            if needed & set(operator.outputs):
                kept.append(operator)
                needed |= {*operator.inputs, *(operator.intermediates or ())}
        self.graph.operators = kept[::-1]
        _compact(self.model, self.graph, needed | set(self.graph.inputs) | {p for o in kept for p in o.outputs})


def _compact(model: Any, graph: Any, needed: set[int]) -> None:
    order = sorted(needed - {-1})
    moved = {-1: -1, **{before: after for after, before in enumerate(order)}}
    graph.tensors = [graph.tensors[place] for place in order]
    for operator in graph.operators:
        for field in ("inputs", "outputs", "intermediates"):
            setattr(operator, field, [moved[place] for place in getattr(operator, field) or ()])
    graph.inputs, graph.outputs = ([moved[place] for place in places] for places in (graph.inputs, graph.outputs))
    for signature in model.signatureDefs or []:
        for entry in [*signature.inputs, *signature.outputs]:
            entry.tensorIndex = moved[entry.tensorIndex]
    codes = sorted({operator.opcodeIndex for part in model.subgraphs for operator in part.operators})
    model.operatorCodes = [model.operatorCodes[place] for place in codes]
    for part in model.subgraphs:
        for operator in part.operators:
            operator.opcodeIndex = codes.index(operator.opcodeIndex)
    used = [*{tensor.buffer for part in model.subgraphs for tensor in part.tensors}, *_metadata(model)]
    buffers = sorted({0, *used})
    model.buffers = [model.buffers[place] for place in buffers]
    for holder in [*(tensor for part in model.subgraphs for tensor in part.tensors), *(model.metadata or [])]:
        holder.buffer = buffers.index(holder.buffer)


def _metadata(model: Any) -> list[int]:
    return [entry.buffer for entry in model.metadata or []]
