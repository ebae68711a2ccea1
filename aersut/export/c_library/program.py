"""Translation of one .tflite file to one C function: calls of kernels, constants, and a plan of its memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from aersut.errors import UserError
from aersut.export.c_library.memory import Lifetime, plan
from aersut.tflite.file import TYPES, TFLiteFile
from aersut.tflite.graph import Graph

if TYPE_CHECKING:
    from jaxtyping import Shaped

C_TYPES = {
    "bool": "uint8_t",
    "int8": "int8_t",
    "uint16": "uint16_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "float32": "float",
}
"""NumPy's name → C's name of the types that the library computes with."""
LARGEST_CONSTANT = 4_000_000
"""Bytes; more than the flash of a microcontroller, and C source of more than 12 MB."""

Translator = Callable[["Program", "Operator"], None]


class UntranslatableError(UserError):
    """The file has an operator, a type or a shape that the C library lacks; the message names it."""


@dataclass(frozen=True)
class Operator:
    """One operator of a graph: its name, its tensors by index (−1 for an omitted input), its options."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any

    @property
    def output(self) -> int:
        """The first output."""
        return self.outputs[0]


@dataclass(frozen=True)
class Address:
    """An argument of a call: the memory of a tensor, or of `scratch` bytes that live during one call.

    Attributes:
        offset: elements.
        scratch: C type of memory without a tensor.
        row: elements from one iteration to the next, in a loop.
    """

    tensor: int
    offset: int = 0
    scratch: str = ""
    row: int = 0


@dataclass(frozen=True)
class Call:
    """A call of a kernel; texts among the arguments are C expressions.

    Attributes:
        reuse: an output and an input of the same size, which the kernel reads no later than it writes there.
    """

    kernel: str
    arguments: tuple[Address | str | int, ...]
    reuse: tuple[int, int] | None = None


@dataclass(frozen=True)
class Loop:
    """Calls that are repeated for each row."""

    count: int
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class CFunction:
    """A translated file.

    Attributes:
        name: of the function.
        text: its definition, after its constants.
        declaration: its prototype.
        arena: bytes of memory that it needs, aligned to 8.
        window: offset of the first input in the arena, if the function reads it there.
        constants: bytes of weights and tables.
        macs: multiply-accumulate operations of one call.
    """

    name: str
    text: str
    declaration: str
    arena: int
    window: int
    constants: int
    macs: int


@dataclass
class Program:
    """The C function that grows as the operators of a graph are translated."""

    file: TFLiteFile
    name: str
    graph: Graph
    calls: list[Call | Loop] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)
    constant_bytes: int = 0
    macs: int = 0
    _named: dict[tuple[str, bytes], str] = field(default_factory=dict)
    _views: dict[int, tuple[int, int]] = field(default_factory=dict)
    _scratch: list[int] = field(default_factory=list)

    def operators(self) -> list[Operator]:
        """The operators of the graph, in the order of execution.

        Raises:
            UntranslatableError: an output has a dynamic or empty shape, or a variable has no initial value.
        """
        found = []
        written = {-1, *map(int, self.graph.graph.inputs)}
        for one in self.graph.operators:
            inputs, outputs = tuple(map(int, one.inputs)), tuple(map(int, one.outputs))
            if any(index not in written and self.values(index) is None for index in inputs):
                raise UntranslatableError(
                    f"{self.file.name}: {self.graph.name(one)} reads a state that no operator initializes."
                )
            written |= set(outputs)
            found.append(Operator(self.graph.name(one), inputs, outputs, one.builtinOptions))
            if any(size < 1 for index in outputs for size in self.shape(index)):
                raise UntranslatableError(
                    f"{self.file.name}: an output of {found[-1].name} has a dynamic or empty shape."
                )
        return found

    def finished(self, window: bool) -> CFunction:
        """The function of all calls; see `aersut.export.c_library.operators.translate`."""
        return _finished(self, window)

    # what operators are made of

    def shape(self, tensor: int) -> tuple[int, ...]:
        """The sizes of a tensor's axes."""
        return self.graph.shape(tensor)

    def type(self, tensor: int) -> str:
        """NumPy's name of a tensor's type.

        Raises:
            UntranslatableError: the library does not compute with it.
        """
        name = TYPES[self.graph.tensor(tensor).type]
        if name not in C_TYPES:
            raise UntranslatableError(f"{self.file.name} has a tensor of type {name}, which the C library lacks.")
        return name

    def count(self, tensor: int) -> int:
        """The number of values of a tensor."""
        return math.prod(self.shape(tensor))

    def bytes(self, tensor: int) -> int:
        """The size of a tensor in bytes."""
        return self.count(tensor) * np.dtype(self.type(tensor)).itemsize

    def values(self, tensor: int) -> Shaped[np.ndarray, "*shape"] | None:
        """The values of a constant; None for a computed tensor, or an omitted input."""
        return self.graph.constant(tensor)

    def known(self, tensor: int, what: str) -> Shaped[np.ndarray, "*shape"]:
        """The values of a tensor that must be constant; raises `UntranslatableError` with `what` it is otherwise."""
        values = self.values(tensor)
        if values is None:
            raise UntranslatableError(f"{self.file.name}: {what} must be constant for the C library.")
        return values

    def scales(self, tensor: int) -> np.ndarray:
        """The scales of a quantized tensor, f32[1] or one for each channel."""
        quantization = self.graph.tensor(tensor).quantization
        if quantization is None or quantization.scale is None or len(quantization.scale) == 0:
            raise UntranslatableError(f"{self.file.name} has an int8 tensor without a scale.")
        return np.asarray(quantization.scale, np.float32)

    def scale(self, tensor: int) -> np.float32:
        """The scale of a tensor that is quantized as a whole; raises `UntranslatableError` for one by channel."""
        scales = self.scales(tensor)
        if len(scales) != 1:
            raise UntranslatableError(f"{self.file.name} has scales for each channel where the C library takes one.")
        return np.float32(scales[0])

    def zero_point(self, tensor: int) -> int:
        """The zero point of a tensor that is quantized as a whole."""
        self.scale(tensor)
        return int(self.graph.tensor(tensor).quantization.zeroPoint[0])

    def weights(self, operator: Operator, position: int = 1) -> Shaped[np.ndarray, "*shape"]:
        """The constant weights among an operator's inputs, int8 with zero points of 0 or float32."""
        tensor = operator.inputs[position]
        values = self.known(tensor, f"the weights of {operator.name}")
        if values.dtype == np.int8 and np.any(self.graph.tensor(tensor).quantization.zeroPoint):
            raise UntranslatableError(f"{self.file.name}: the weights of {operator.name} have a zero point.")
        return values

    def bias(self, operator: Operator, position: int = 2) -> Shaped[np.ndarray, " filters"] | None:
        """The constant bias among an operator's inputs; None if it is omitted."""
        if len(operator.inputs) <= position or operator.inputs[position] < 0:
            return None
        return self.known(operator.inputs[position], f"the bias of {operator.name}")

    # what operators write

    def call(self, kernel: str, *arguments: Address | str | int, reuse: tuple[int, int] | None = None) -> None:
        """Add a call; see `Call`."""
        self.calls.append(Call(kernel, arguments, reuse))

    def loop(self, count: int, calls: Sequence[Call]) -> None:
        """Add a loop; see `Loop`."""
        self.calls.append(Loop(count, tuple(calls)))

    def address(self, tensor: int, offset: int = 0, row: int = 0) -> Address | str:
        """The memory of a tensor, `offset` elements after its start; the name of an array for a constant.

        Args:
            row: elements from one iteration to the next, in a loop.
        """
        values = self.values(tensor)
        if values is None:
            return Address(tensor, offset, row=row)
        parts = [self.array(values), *([str(offset)] if offset else []), *([f"row * {row}"] if row else [])]
        return " + ".join(parts)

    def scratch(self, size: int, ctype: str) -> Address:
        """Memory of `size` bytes for the next call."""
        self._scratch.append(size)
        return Address(-len(self._scratch), scratch=ctype)

    def view(self, tensor: int, of: int, offset: int = 0) -> None:
        """`tensor` has the values of another one, `offset` elements after its start: no code, no memory."""
        self._views[tensor] = (of, offset * np.dtype(self.type(tensor)).itemsize)

    def array(self, values: Shaped[np.ndarray, "*shape"]) -> str:
        """The name of a constant array with these values; equal arrays are stored once."""
        values = np.ascontiguousarray(values)
        ctype = C_TYPES[str(values.dtype)]
        if values.dtype == np.float32 and not np.isfinite(values).all():
            raise UntranslatableError(f"{self.file.name} has a constant with NaN or infinity.")
        if values.nbytes > LARGEST_CONSTANT:
            raise UntranslatableError(
                f"{self.file.name} has a constant of {values.nbytes:,} bytes; the C library takes at most "
                f"{LARGEST_CONSTANT:,}."
            )
        key = ctype, values.tobytes()
        if key not in self._named:
            self._named[key] = name = f"{self.name}_{len(self._named)}"
            numbers = ", ".join(map(literal, values.reshape(-1)))
            self.constants.append(f"static const {ctype} {name}[{values.size}] = {{{numbers}}};")
            self.constant_bytes += values.nbytes
        return self._named[key]

    def structure(self, kind: str, *members: object) -> str:
        """The address of a constant structure."""
        text = _braced(members)
        key = kind, text.encode()
        if key not in self._named:
            self._named[key] = name = f"{self.name}_{len(self._named)}"
            self.constants.append(f"static const {kind} {name} = {text};")
        return f"&{self._named[key]}"

    def root(self, tensor: int) -> tuple[int, int]:
        """The tensor whose memory `tensor` uses, and the offset in it, in bytes."""
        offset = 0
        while tensor in self._views:
            tensor, more = self._views[tensor]
            offset += more
        return tensor, offset


def _finished(program: Program, window: bool) -> CFunction:
    graph, name = program.graph, program.name
    inputs, outputs = [int(i) for i in graph.graph.inputs], [int(i) for i in graph.graph.outputs]
    outside: dict[int, str] = {}
    for number, tensor in enumerate(inputs):
        if not (window and number == 0):
            outside[tensor] = f"input{number}" if len(inputs) > 1 else "input"
    parameters = [f"const {C_TYPES[program.type(tensor)]} *{outside[tensor]}" for tensor in inputs if tensor in outside]
    for number, tensor in enumerate(outputs):
        parameter = f"output{number}" if len(outputs) > 1 else "output"
        parameters.append(f"{C_TYPES[program.type(tensor)]} *{parameter}")
        root, offset = program.root(tensor)
        whole = not offset and program.values(root) is None and program.bytes(root) == program.bytes(tensor)
        if whole and root not in outside and root not in inputs:
            outside[root] = parameter
        else:
            program.call("memcpy", parameter, program.address(tensor), program.bytes(tensor))
    places, arena = _plan(program, outside, inputs[0] if window else None)

    def text(argument: Address | str | int) -> str:
        if not isinstance(argument, Address):
            return str(argument)
        if argument.scratch:
            return f"AERSUT_AT({argument.scratch}, {places[argument.tensor]})"
        root, offset = program.root(argument.tensor)
        ctype, size = C_TYPES[program.type(argument.tensor)], np.dtype(program.type(argument.tensor)).itemsize
        row = f" + row * {argument.row}" if argument.row else ""
        offset += argument.offset * size
        if (values := program.values(root)) is not None:  # a view of a constant
            return f"{program.array(values)} + {offset // size}{row}"
        if root not in outside:
            return f"AERSUT_AT({ctype}, {places[root] + offset}){row}"
        return f"{outside[root]} + {offset // size}{row}" if offset else f"{outside[root]}{row}"

    def line(call: Call) -> str:
        return f"  {call.kernel}({', '.join(map(text, call.arguments))});\n"

    def block(one: Call | Loop) -> str:
        if isinstance(one, Call):
            return line(one)
        inner = "".join(f"  {line(call)}" for call in one.calls)
        return f"  for (int row = 0; row < {one.count}; ++row) {{\n{inner}  }}\n"

    body = "".join(map(block, program.calls))
    declaration = f"void {name}({', '.join([*parameters, 'void *arena'])})"
    unused = "" if "AERSUT_AT" in body else "  (void)arena;\n"
    return CFunction(
        name=name,
        text="\n".join([*program.constants, "", f"{declaration} {{", f"{unused}{body}}}", ""]),
        declaration=f"{declaration};",
        arena=arena,
        window=places[inputs[0]] if window else 0,
        constants=program.constant_bytes,
        macs=program.macs,
    )


def _plan(program: Program, outside: Mapping[int, str], window: int | None) -> tuple[dict[int, int], int]:
    """Offsets of the tensors (and scratch memory, by negative number) in the arena, and its size."""
    lifetimes: dict[int, Lifetime] = {}

    def use(key: int, size: int, step: int) -> None:
        first = lifetimes[key].first if key in lifetimes else step
        lifetimes[key] = Lifetime(size, first, step)

    if window is not None:
        use(window, program.bytes(window), 0)
    for step, one in enumerate(program.calls):
        for argument in _addresses(one):
            if argument.scratch:
                use(argument.tensor, program._scratch[-argument.tensor - 1], step)
                continue
            root, _ = program.root(argument.tensor)
            if root not in outside and program.values(root) is None:
                use(root, program.bytes(root), step)
    shared = _in_place(program, lifetimes)
    places, arena = plan(lifetimes)
    return places | {key: places[root] for key, root in shared.items()}, arena


def _addresses(one: Call | Loop) -> list[Address]:
    calls = [one] if isinstance(one, Call) else one.calls
    return [argument for call in calls for argument in call.arguments if isinstance(argument, Address)]


def _in_place(program: Program, lifetimes: dict[int, Lifetime]) -> dict[int, int]:
    """Join tensors that a kernel may compute in place; those that lose their own memory, with the one that they use."""
    shared: dict[int, int] = {}

    def memory(tensor: int) -> int:
        root, _ = program.root(tensor)
        return shared.get(root, root)

    for step, call in enumerate(program.calls):
        if not isinstance(call, Call) or call.reuse is None:
            continue
        (after, offset), (_, start) = map(program.root, call.reuse)
        before = memory(call.reuse[1])
        if offset or start or not {after, before} <= lifetimes.keys():
            continue
        one, other = lifetimes[before], lifetimes[after]
        # a second argument in the same memory (a view of the first) would be read after it is overwritten
        alone = sum(memory(argument.tensor) == before for argument in _addresses(call) if not argument.scratch) == 1
        alone &= program.count(call.reuse[0]) == program.count(call.reuse[1])
        if alone and one.last == step == other.first and one.size == other.size:
            lifetimes[before] = Lifetime(one.size, one.first, other.last)
            del lifetimes[after]
            shared[after] = before
    return shared


def literal(value: Any) -> str:
    """A number as C source, exactly.

    >>> literal(np.float32(0.1)), literal(np.int32(-2147483648))
    ('0x1.99999a0000000p-4f', '(-2147483647 - 1)')
    """
    if isinstance(value, np.floating):
        return f"{float(value).hex()}f"
    number = int(value)
    return f"({number + 1} - 1)" if number == -(1 << 31) else str(number)


def _braced(members: Sequence[object]) -> str:
    texts = [_braced(one) if isinstance(one, (tuple, list)) else str(one) for one in members]
    return f"{{{', '.join(texts)}}}"
