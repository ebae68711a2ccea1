"""The C function of a program: its text, with the memory of all tensors planned."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aersut.export.c_library.memory import Lifetime, plan
from aersut.export.c_library.program import C_TYPES, Address, Call, Loop, Program


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


def c_function(program: Program, window: bool) -> CFunction:
    """The function of all calls of a program.

    Args:
        window: the first input is in the arena, where the caller writes it, and its memory is used again.
    """
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
            root = argument.tensor if argument.scratch else program.root(argument.tensor)[0]
            if argument.scratch or (root not in outside and program.values(root) is None):
                use(root, program.size(argument), step)
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
        if call.reuse is None:
            continue
        (after, offset), (_, start) = map(program.root, call.reuse)
        before = memory(call.reuse[1])
        if offset or start or not {after, before} <= lifetimes.keys():
            continue
        one, other = lifetimes[before], lifetimes[after]
        # a second argument in the same memory (a view of the first) would be read after it is overwritten
        alone = sum(memory(argument.tensor) == before for argument in _addresses(call) if not argument.scratch) == 1
        alone &= program.bytes(call.reuse[0]) == program.bytes(call.reuse[1])
        if alone and one.last == step == other.first and one.size == other.size:
            lifetimes[before] = Lifetime(one.size, one.first, other.last)
            del lifetimes[after]
            shared[after] = before
    return shared
