"""Edits of one graph of a schema tree (`schema.ModelT`): constants, tensors, operators, removal of what is unused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from aersut.tflite.file import OPERATORS, TYPES, operator_name

if TYPE_CHECKING:
    from jaxtyping import Shaped

CODES = {name: code for code, name in OPERATORS.items()}
TYPE_CODES = {name: code for code, name in TYPES.items()}


class Graph:
    """One subgraph of a model, with the model's tables of buffers and operator codes; an index identifies a tensor."""

    def __init__(self, model: Any, subgraph: int = 0) -> None:
        self.model = model
        self.graph = model.subgraphs[subgraph]

    @property
    def operators(self) -> list[Any]:
        operators: list[Any] = self.graph.operators
        return operators

    def name(self, operator: Any) -> str:
        return operator_name(self.model, operator)

    def tensor(self, index: int) -> Any:
        return self.graph.tensors[index]

    def shape(self, index: int) -> tuple[int, ...]:
        shape = self.tensor(index).shape
        return tuple(int(size) for size in (() if shape is None else shape))

    def constant(self, index: int) -> Shaped[np.ndarray, "*shape"] | None:
        """The values of a tensor that the file stores; None for a computed tensor, or an omitted input (-1)."""
        if index < 0:
            return None
        tensor = self.tensor(index)
        data = self.model.buffers[tensor.buffer].data
        if data is None or len(data) == 0:
            return None
        return np.frombuffer(bytes(data), np.dtype(TYPES[tensor.type])).reshape(self.shape(index))

    def add_constant(self, name: str, values: Shaped[np.ndarray, "*shape"]) -> int:
        """Add a tensor whose values the file stores; return its index."""
        self.model.buffers.append(schema.BufferT(data=np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)))
        return self.add_tensor(name, values.shape, str(values.dtype), len(self.model.buffers) - 1)

    def add_tensor(
        self, name: str, shape: Sequence[int], dtype: str, buffer: int = 0, *, variable: bool = False
    ) -> int:
        """Add a tensor and return its index; buffer 0 is the empty one, for computed tensors."""
        tensor = schema.TensorT(
            shape=list(shape),
            type=TYPE_CODES[dtype],
            buffer=buffer,
            name=f"{name}_{len(self.graph.tensors)}".encode(),  # quantizers identify tensors by name
            isVariable=variable,
            hasRank=True,
            quantization=schema.QuantizationParametersT(),
        )
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator_code(self, name: str) -> int:
        """The index of a built-in operator in the model's operator codes; it is added where it is missing."""
        for index, code in enumerate(self.model.operatorCodes):
            if code.builtinCode == CODES[name] and code.version == 1:
                return index
        code = schema.OperatorCodeT(builtinCode=CODES[name], deprecatedBuiltinCode=min(CODES[name], 127), version=1)
        self.model.operatorCodes.append(code)
        return len(self.model.operatorCodes) - 1

    def new_operator(self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None) -> Any:
        """A built-in operator, which the caller puts into `operators`; `options` is a table of the schema."""
        kind = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T")) if options else 0
        return schema.OperatorT(
            opcodeIndex=self.operator_code(name),
            inputs=list(inputs),
            outputs=list(outputs),
            builtinOptionsType=kind,
            builtinOptions=options,
        )

    def users(self, index: int) -> list[Any]:
        """The operators that read a tensor."""
        return [operator for operator in self.operators if index in list(operator.inputs)]

    def redirect(self, before: int, after: int) -> None:
        """Replace tensor `before` by `after` as an input of operators, and as an output of graph and signatures."""
        for operator in self.operators:
            operator.inputs = [after if index == before else index for index in operator.inputs]
        self.graph.outputs = [after if index == before else index for index in self.graph.outputs]
        for signature in self.model.signatureDefs or []:
            for entry in signature.outputs:
                entry.tensorIndex = after if entry.tensorIndex == before else entry.tensorIndex

    def remove_unused(self) -> None:
        """Remove operators, tensors, buffers and operator codes that no output depends on; signatures are updated."""
        needed = set(self.graph.outputs)
        kept: list[Any] = []
        for operator in reversed(self.operators):
            if needed & set(operator.outputs):
                kept.append(operator)
                needed |= {*operator.inputs, *(operator.intermediates or ())}
        self.graph.operators = kept[::-1]
        _compact(self.model, self.graph, needed | set(self.graph.inputs) | {i for o in kept for i in o.outputs})


def _compact(model: Any, graph: Any, needed: set[int]) -> None:
    order = sorted(needed - {-1})
    moved = {-1: -1, **{before: after for after, before in enumerate(order)}}
    graph.tensors = [graph.tensors[index] for index in order]
    for operator in graph.operators:
        for field in ("inputs", "outputs", "intermediates"):
            setattr(operator, field, [moved[index] for index in getattr(operator, field) or ()])
    graph.inputs, graph.outputs = ([moved[index] for index in indices] for indices in (graph.inputs, graph.outputs))
    for signature in model.signatureDefs or []:
        for entry in [*signature.inputs, *signature.outputs]:
            entry.tensorIndex = moved[entry.tensorIndex]
    operators = [operator for subgraph in model.subgraphs for operator in subgraph.operators]
    codes = sorted({operator.opcodeIndex for operator in operators})
    model.operatorCodes = [model.operatorCodes[index] for index in codes]
    for operator in operators:
        operator.opcodeIndex = codes.index(operator.opcodeIndex)
    holders = [*(tensor for subgraph in model.subgraphs for tensor in subgraph.tensors), *(model.metadata or [])]
    buffers = sorted({0, *(holder.buffer for holder in holders)})
    model.buffers = [model.buffers[index] for index in buffers]
    for holder in holders:
        holder.buffer = buffers.index(holder.buffer)
