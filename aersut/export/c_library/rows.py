"""Chains of float operators on the rows of an int8 tensor, computed row by row instead of tensor by tensor.

The classifier of a stream may begin with features that need a whole window, such as the level below its maximum:
DEQUANTIZE, some operators that change each value by itself, REDUCE_MAX of them, and at the end QUANTIZE. One tensor by
itself takes four times the memory of the window. Here each REDUCE_MAX and QUANTIZE is a loop over rows that computes
the operators before it for one row at a time, twice where two loops need them.
"""

from __future__ import annotations

from dataclasses import dataclass

from aersut.export.c_library.floating import BINARY, UNARY
from aersut.export.c_library.program import Address, Call, Operator, Program

SINKS = ("REDUCE_MAX", "QUANTIZE")


@dataclass(frozen=True)
class Chains:
    """The operators of a graph that are computed by rows.

    Attributes:
        inner: by the tensor that they compute; they emit no code of their own.
        sinks: the operators that become loops, by output.
        width: values of a row.
    """

    program: Program
    inner: dict[int, Operator]
    sinks: dict[int, Operator]
    width: int

    def translate(self, operator: Operator) -> bool:
        """Translate a sink, or skip an inner operator; false if the operator is neither."""
        if operator.output in self.inner:
            return True
        if operator.output not in self.sinks:
            return False
        program, source, output = self.program, operator.inputs[0], operator.output
        calls: list[Call] = []
        reuse = None
        row = self._row(source, calls, {})
        if operator.name == "QUANTIZE":
            scale, zero = f"{float(program.scale(output)).hex()}f", program.zero_point(output)
            to = Address(output, row=self.width)
            calls.append(Call("aersut_quantize_f32", (row, to, self.width, scale, zero)))
            rows = [one.tensor for call in calls[:-1] for one in call.arguments if isinstance(one, Address) and one.row]
            bytes_ = [tensor for tensor in rows if program.type(tensor) == "int8"]
            reuse = (output, bytes_[0]) if bytes_ else None
        else:
            program.call("aersut_lowest_f32", program.address(output))
            calls.append(Call("aersut_raise_f32", (row, program.address(output), self.width)))
        program.loop(program.count(source) // self.width, calls, reuse)
        return True

    def _row(self, tensor: int, calls: list[Call], known: dict[int, Address | str]) -> Address | str:
        """The memory of a row of a tensor; the calls that compute it are added."""
        program, width = self.program, self.width
        if tensor not in self.inner:
            return program.address(tensor, row=width if program.count(tensor) > width else 0)
        if tensor not in known:
            operator = self.inner[tensor]
            if operator.name == "RESHAPE":
                return self._row(operator.inputs[0], calls, known)
            if operator.name == "DEQUANTIZE":
                source = operator.inputs[0]
                scale, zero = f"{float(program.scale(source)).hex()}f", program.zero_point(source)
                known[tensor] = to = program.scratch(4 * width, "float")
                calls.append(Call("aersut_dequantize_s8", (Address(source, row=width), to, width, scale, zero)))
            elif operator.name in UNARY:
                one = self._row(operator.inputs[0], calls, known)
                known[tensor] = to = program.scratch(4 * width, "float")
                calls.append(Call(UNARY[operator.name], (one, to, width)))
            else:
                rows = [self._row(one, calls, known) for one in operator.inputs]
                steps = [(0, 0, 0, 0 if program.count(one) == 1 else 1) for one in operator.inputs]
                shape = program.structure("aersut_broadcast", (1, 1, 1, width), *steps)
                known[tensor] = to = program.scratch(4 * width, "float")
                calls.append(Call(BINARY[operator.name], (*rows, to, shape)))
        return known[tensor]


def find_chains(program: Program, operators: list[Operator]) -> Chains:
    """The chains of a graph that begin with DEQUANTIZE and end in QUANTIZE or REDUCE_MAX over all values."""
    begins = [one for one in operators if one.name == "DEQUANTIZE" and len(program.shape(one.output)) > 1]
    if not begins:
        return Chains(program, {}, {}, 1)
    whole, width = program.count(begins[0].output), program.shape(begins[0].output)[-1]
    outputs = set(map(int, program.graph.graph.outputs))

    def fits(one: Operator) -> bool:
        if program.count(one.output) != whole or program.type(one.output) != "float32" or one.output in outputs:
            return False
        if one.name == "DEQUANTIZE":
            return program.type(one.inputs[0]) == "int8"
        if one.name in BINARY and getattr(one.options, "fusedActivationFunction", 0) == 0:
            return all(_by_row(program, operand, whole, width) for operand in one.inputs)
        return one.name in UNARY or one.name == "RESHAPE"

    def ends(one: Operator) -> bool:
        if one.name not in SINKS or program.count(one.inputs[0]) != whole or program.type(one.inputs[0]) != "float32":
            return False
        return program.count(one.output) == (whole if one.name == "QUANTIZE" else 1)

    inner = {one.output: one for one in operators if fits(one)}
    while True:  # an operator whose result is also read elsewhere needs the whole tensor
        users = {tensor: [one for one in operators if tensor in one.inputs] for tensor in inner}
        kept = {
            tensor: one
            for tensor, one in inner.items()
            if users[tensor] and all(user.output in inner or ends(user) for user in users[tensor])
        }
        if len(kept) == len(inner):
            break
        inner = kept
    sinks = {one.output: one for one in operators if ends(one) and one.inputs[0] in inner}
    return Chains(program, inner, sinks, width)


def _by_row(program: Program, tensor: int, whole: int, width: int) -> bool:
    """Whether an operand has a value for each of all, one for each of a row, or one."""
    count, shape = program.count(tensor), program.shape(tensor)
    return count in (1, whole) or (count == width and shape[-1] == width)
