"""Operators that move values without changing them; most of them need no code."""

import math
from collections.abc import Sequence

import numpy as np

from aersut.export.c_library.program import Operator, Program, UntranslatableError

AXES = 4
"""Number of axes that the kernels with strides loop over."""


def strides(shape: Sequence[int]) -> list[int]:
    """Elements from one index to the next along each axis of a contiguous array.

    >>> strides((2, 3, 4))
    [12, 4, 1]
    """
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def reshape(program: Program, operator: Operator) -> None:
    """RESHAPE, EXPAND_DIMS, SQUEEZE."""
    program.view(operator.output, operator.inputs[0])


def slice_(program: Program, operator: Operator) -> None:
    """SLICE."""
    source, output = operator.inputs[0], operator.output
    begin = program.known(operator.inputs[1], "where SLICE begins")
    values = program.values(source)
    if values is not None and len(set(values.tobytes())) == 1:  # the initial state of an LSTM
        program.call("memset", program.address(output), values.tobytes()[0], program.bytes(output))
        return
    steps = strides(program.shape(source))
    _move(program, source, output, program.shape(output), steps, int(np.dot(begin, steps)))


def strided_slice(program: Program, operator: Operator) -> None:
    """STRIDED_SLICE, with negative steps too."""
    source, output, options = operator.inputs[0], operator.output, operator.options
    if options.ellipsisMask or options.newAxisMask:
        raise UntranslatableError(f"{program.file.name} has a STRIDED_SLICE with new axes, which the C library lacks.")
    begins, ends, by = (program.known(one, "what STRIDED_SLICE selects") for one in operator.inputs[1:4])
    offset, shape, steps = 0, [], []
    natural = strides(program.shape(source))
    for axis, size in enumerate(program.shape(source)):
        begin = None if options.beginMask >> axis & 1 else int(begins[axis])
        end = None if options.endMask >> axis & 1 else int(ends[axis])
        if options.shrinkAxisMask >> axis & 1:
            offset += int(begins[axis]) % size * natural[axis]
            continue
        chosen = range(size)[begin : end : int(by[axis])]
        offset += chosen.start * natural[axis]
        shape.append(len(chosen))
        steps.append(natural[axis] * chosen.step)
    _move(program, source, output, shape, steps, offset)


def transpose(program: Program, operator: Operator) -> None:
    """TRANSPOSE."""
    source = operator.inputs[0]
    natural = strides(program.shape(source))
    order = program.known(operator.inputs[1], "the order of axes of TRANSPOSE")
    _move(program, source, operator.output, program.shape(operator.output), [natural[int(axis)] for axis in order], 0)


def reverse(program: Program, operator: Operator) -> None:
    """REVERSE_V2."""
    source = operator.inputs[0]
    shape = program.shape(source)
    steps, offset = strides(shape), 0
    for axis in np.atleast_1d(program.known(operator.inputs[1], "the axes of REVERSE_V2")):
        offset += (shape[axis] - 1) * steps[axis]
        steps[axis] = -steps[axis]
    _move(program, source, operator.output, shape, steps, offset)


def concatenate(program: Program, operator: Operator) -> None:
    """CONCATENATION, and PACK along a new axis."""
    output = operator.output
    shape = program.shape(output)
    if getattr(operator.options, "fusedActivationFunction", 0):
        raise UntranslatableError(f"{program.file.name} has a {operator.name} with an activation.")
    axis = operator.options.axis % len(shape)
    outer, row = math.prod(shape[:axis]), math.prod(shape[axis:])
    size = program.bytes(output) // program.count(output)
    offset = 0
    for one in operator.inputs:
        if program.type(output) == "int8" and _format(program, one) != _format(program, output):
            raise UntranslatableError(f"{program.file.name}: parts of a {operator.name} have different scales.")
        part = program.count(one) // outer
        to, source = program.address(output, offset), program.address(one)
        program.call("aersut_copy", source, part * size, to, row * size, part * size, outer)
        offset += part


def pad(program: Program, operator: Operator) -> None:
    """PAD, PADV2."""
    source, output = operator.inputs[0], operator.output
    fill = program.zero_point(output) if program.type(output) == "int8" else 0
    if len(operator.inputs) > 2:
        value = program.known(operator.inputs[2], "the value of PADV2").reshape(-1)[0]
        if program.type(output) != "int8" and value != 0:
            raise UntranslatableError(f"{program.file.name}: PADV2 with {value} is not in the C library.")
        fill = int(value)
    before = program.known(operator.inputs[1], "the widths of PAD")[:, 0]
    natural = strides(program.shape(output))
    program.call("memset", program.address(output), fill, program.bytes(output))
    shape = program.shape(source)
    size = program.bytes(source) // program.count(source)
    grid = _grid(program, shape, natural)
    start = int(np.dot(before, natural))
    program.call("aersut_scatter", program.address(source), program.address(output, start), size, grid)


def _move(program: Program, source: int, output: int, shape: Sequence[int], steps: Sequence[int], offset: int) -> None:
    """`output` = the elements of `source` at `steps` from `offset`; a view where they are adjacent."""
    merged = merged_axes(shape, steps)
    if len(merged) == 1 and merged[0][1] == 1:
        if program.values(program.root(source)[0]) is None:
            program.view(output, source, offset)
        else:  # the output may be the state of an LSTM, which is written
            program.call("memcpy", program.address(output), program.address(source, offset), program.bytes(output))
        return
    size = program.bytes(output) // program.count(output)
    grid = _grid(program, shape, steps)
    program.call("aersut_gather", program.address(source, offset), program.address(output), size, grid)


def _grid(program: Program, shape: Sequence[int], steps: Sequence[int]) -> str:
    axes = four_axes(program, merged_axes(shape, steps))
    return program.structure("aersut_strides", *zip(*axes, strict=True))


def merged_axes(shape: Sequence[int], *steps: Sequence[int]) -> list[tuple[int, ...]]:
    """Axes with (size, steps…), of which those that one loop covers are merged; axes of one element are dropped.

    >>> merged_axes((2, 1, 3, 4), (12, 12, 4, 1))
    [(24, 1)]
    """
    axes = [one for one in zip(shape, *steps, strict=True) if one[0] != 1] or [(1,) + (1,) * len(steps)]
    merged = axes[:1]
    for size, *inner in axes[1:]:
        last, *outer = merged[-1]
        if all(step == size * each for step, each in zip(outer, inner, strict=True)):
            merged[-1] = (last * size, *inner)
        else:
            merged.append((size, *inner))
    return merged


def four_axes(program: Program, axes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """`axes` after axes of one element; raises `UntranslatableError` for more than `AXES`."""
    if len(axes) > AXES:
        raise UntranslatableError(f"{program.file.name} moves values along {len(axes)} axes; the C library has {AXES}.")
    return [(1,) + (0,) * (len(axes[0]) - 1)] * (AXES - len(axes)) + axes


def _format(program: Program, tensor: int) -> tuple[float, int]:
    return float(program.scale(tensor)), program.zero_point(tensor)
