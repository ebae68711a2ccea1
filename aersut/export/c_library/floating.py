"""Operators on float32 values, in the order of additions of TensorFlow Lite Micro's reference kernels."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from aersut.export.c_library.int8 import broadcast, reduction
from aersut.export.c_library.program import Operator, Program, UntranslatableError

RELU = 1
UNARY = {
    "ABS": "aersut_abs_f32",
    "COS": "aersut_cos_f32",
    "EXP": "aersut_exp_f32",
    "LOG": "aersut_log_f32",
    "NEG": "aersut_negate_f32",
    "RELU": "aersut_relu_f32",
    "RSQRT": "aersut_rsqrt_f32",
    "SIN": "aersut_sin_f32",
    "SQRT": "aersut_sqrt_f32",
    "SQUARE": "aersut_square_f32",
}
BINARY = {
    "ADD": "aersut_add_f32",
    "DIV": "aersut_divide_f32",
    "MAXIMUM": "aersut_maximum_f32",
    "MINIMUM": "aersut_minimum_f32",
    "MUL": "aersut_multiply_f32",
    "SUB": "aersut_subtract_f32",
}
"""Kernels of operators on float32 values, by name."""


def dense(program: Program, operator: Operator) -> None:
    """FULLY_CONNECTED; of mel filters, only the bins of each band are stored."""
    source, weights = operator.inputs[:2]
    output = operator.output
    columns, depth = program.shape(weights)
    rows = program.count(source) // depth
    bias = program.bias(operator)
    values = program.values(weights)
    if rows == 1 and bias is None and values is not None:
        bands = [_band(row) for row in values]
        used = np.concatenate([row[band] for row, band in zip(values, bands, strict=True)])
        if 2 * len(used) < values.size:
            limits = np.array([(band.start, band.stop) for band in bands], np.int16)
            arrays = program.array(used), program.array(limits)
            program.call("aersut_bands_f32", program.address(source), *arrays, program.address(output), columns)
            _activate(program, operator)
            program.macs += len(used)
            return
    program.call(
        "aersut_dense_f32",
        *(program.address(source), program.address(weights), "NULL" if bias is None else program.array(bias)),
        *(program.address(output), rows, depth, columns),
    )
    _activate(program, operator)
    program.macs += rows * depth * columns


def fourier(program: Program, operator: Operator) -> None:
    """RFFT2D of one row, whose length is a power of two."""
    source, output = operator.inputs[0], operator.output
    length = program.shape(source)[-1]
    wanted = program.known(operator.inputs[1], "the length of RFFT2D").tolist()
    if program.count(source) != length or wanted != [1, length] or length.bit_count() != 1 or length < 4:
        raise UntranslatableError(
            f"{program.file.name} has an RFFT2D of another form than one row of 4, 8, 16… values."
        )
    angles = 2 * np.pi / length * np.arange(length // 2)
    turns = program.turns(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    program.call("aersut_rfft_f32", program.address(source), program.address(output), turns, length)
    program.macs += length * (length.bit_length() - 1)  # four for each of the complex products


def part(index: int) -> Callable[[Program, Operator], None]:
    """A translator of REAL (0) or IMAG (1)."""

    def translate(program: Program, operator: Operator) -> None:
        source, output = operator.inputs[0], operator.output
        addresses = program.address(source), program.address(output)
        program.call("aersut_part_c64", *addresses, index, program.count(output))

    return translate


def unary(kernel: str) -> Callable[[Program, Operator], None]:
    """A translator for a kernel that changes each value by itself."""

    def translate(program: Program, operator: Operator) -> None:
        source, output = operator.inputs[0], operator.output
        addresses = program.address(source), program.address(output)
        program.call(kernel, *addresses, program.count(output), reuse=(output, source))

    return translate


def binary(kernel: str) -> Callable[[Program, Operator], None]:
    """A translator for a kernel with two inputs, of which one may be repeated."""

    def translate(program: Program, operator: Operator) -> None:
        first, second = operator.inputs
        output = operator.output
        whole = first if program.count(first) == program.count(output) else second
        addresses = program.address(first), program.address(second), program.address(output)
        same = program.shape(whole) == program.shape(output) and program.bytes(whole) == program.bytes(output)
        reuse = (output, whole) if same else None
        program.call(kernel, *addresses, broadcast(program, operator), reuse=reuse)
        _activate(program, operator)

    return translate


def reduce(kernel: str) -> Callable[[Program, Operator], None]:
    """A translator for a kernel that reduces adjacent axes."""

    def translate(program: Program, operator: Operator) -> None:
        addresses = program.address(operator.inputs[0]), program.address(operator.output)
        program.call(kernel, *addresses, *reduction(program, operator))

    return translate


def differ(program: Program, operator: Operator) -> None:
    """NOT_EQUAL of booleans of one shape."""
    first, second = operator.inputs
    if program.count(first) != program.count(second):
        raise UntranslatableError(f"{program.file.name} has a NOT_EQUAL that repeats an input.")
    program.call("aersut_differ_bool", *map(program.address, (first, second, operator.output)), program.count(first))


def select(program: Program, operator: Operator) -> None:
    """SELECT, SELECT_V2: each input is as large as the output, or one value."""
    count = program.count(operator.output)
    sizes = [program.count(one) for one in operator.inputs]
    if any(size not in (1, count) for size in sizes):
        raise UntranslatableError(f"{program.file.name} has a {operator.name} that repeats rows of an input.")
    steps = [int(size == count) for size in sizes]
    addresses = [program.address(one) for one in (*operator.inputs, operator.output)]
    program.call("aersut_select_f32", *addresses, *steps, count)


def quantize(program: Program, operator: Operator) -> None:
    """QUANTIZE from float32 to int8."""
    source, output = operator.inputs[0], operator.output
    scale = f"{float(program.scale(output)).hex()}f"
    addresses = program.address(source), program.address(output)
    program.call("aersut_quantize_f32", *addresses, program.count(output), scale, program.zero_point(output))


def dequantize(program: Program, operator: Operator) -> None:
    """DEQUANTIZE from int8 to float32."""
    source, output = operator.inputs[0], operator.output
    scale = f"{float(program.scale(source)).hex()}f"
    addresses = program.address(source), program.address(output)
    program.call("aersut_dequantize_s8", *addresses, program.count(output), scale, program.zero_point(source))


def _band(row: Float[np.ndarray, " bins"]) -> slice:
    """The range of weights that are not zero."""
    used = np.flatnonzero(row)
    return slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 0)


def _activate(program: Program, operator: Operator) -> None:
    code = getattr(operator.options, "fusedActivationFunction", 0)
    if code == RELU:
        address = program.address(operator.output)
        program.call("aersut_relu_f32", address, address, program.count(operator.output))
    elif code:
        raise UntranslatableError(f"{program.file.name} has an activation (code {code}) that the C library lacks.")
