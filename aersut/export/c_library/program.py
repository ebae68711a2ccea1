"""What a .tflite file is translated to: calls of kernels, constants, and views, which operators add one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from aersut.errors import UserError
from aersut.tflite.file import TYPES, TFLiteFile
from aersut.tflite.graph import Graph

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

C_TYPES = {
    "bool": "uint8_t",
    "int8": "int8_t",
    "uint16": "uint16_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "float32": "float",
    "complex64": "float",  # two for each value
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
    """Calls that are repeated for each row.

    Attributes:
        reuse: as in `Call`; each row of the input is read before that of the output is written.
    """

    count: int
    calls: tuple[Call, ...]
    reuse: tuple[int, int] | None = None


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

    def loop(self, count: int, calls: Sequence[Call], reuse: tuple[int, int] | None = None) -> None:
        """Add a loop; see `Loop`."""
        self.calls.append(Loop(count, tuple(calls), reuse))

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

    def size(self, argument: Address) -> int:
        """The size in bytes of the memory that an argument of a call uses."""
        return self._scratch[-argument.tensor - 1] if argument.scratch else self.bytes(self.root(argument.tensor)[0])

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
            self.constants.append(f"AERSUT_TABLE {ctype} {name}[{values.size}] = {{{numbers}}};")
            self.constant_bytes += values.nbytes
        return self._named[key]

    def turns(self, values: Float[np.ndarray, "count 2"]) -> str:
        """The name of a constant array of cosines and sines, as numbers of the Fourier transform."""
        key = "aersut_turn", values.tobytes()
        if key not in self._named:
            self._named[key] = name = f"{self.name}_{len(self._named)}"
            pairs = ", ".join(f"AERSUT_TURN({cosine!r}, {sine!r})" for cosine, sine in values.tolist())
            self.constants.append(f"AERSUT_TABLE aersut_turn {name}[{len(values)}] = {{{pairs}}};")
            self.constant_bytes += 8 * len(values)
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
