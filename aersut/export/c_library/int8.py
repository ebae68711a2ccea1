"""Operators on int8 values, with the arithmetic of TensorFlow Lite Micro's reference kernels."""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Int8

from aersut.export.c_library.fixed_point import multiplier, rescaled
from aersut.export.c_library.program import Operator, Program, UntranslatableError
from aersut.export.c_library.views import four_axes, merged_axes, strides

PLACES = 4
"""Of a filter, computed at a time; as in aersut_kernels.c."""

RELU, RELU6 = 1, 3
LOW, HIGH = -128, 127


def convolution(program: Program, operator: Operator) -> None:
    """CONV_2D."""
    values = program.weights(operator)
    if values.shape[3] != program.shape(operator.inputs[0])[3]:
        raise UntranslatableError(f"{program.file.name} has a grouped CONV_2D, which the C library lacks.")
    _convolution(program, operator, values)


def depthwise_convolution(program: Program, operator: Operator) -> None:
    """DEPTHWISE_CONV_2D. Of one channel, it is a convolution, whose kernel is much faster."""
    values = program.weights(operator)
    _, height, width, filters = values.shape
    if program.shape(operator.inputs[0])[3] == 1:
        _convolution(program, operator, values.transpose(3, 1, 2, 0))
        return
    bias = program.bias(operator)
    program.call(
        "aersut_depthwise_s8",
        program.address(operator.inputs[0]),
        program.array(values),
        program.array(np.zeros(filters, np.int32) if bias is None else bias),
        *_factors(program, operator, filters),
        program.address(operator.output),
        _geometry(program, operator, height, width),
    )
    program.macs += program.count(operator.output) * height * width


def _convolution(
    program: Program, operator: Operator, values: Int8[np.ndarray, "filters height width channels"]
) -> None:
    filters, height, width, channels = values.shape
    bias = _folded(program, operator, values)
    geometry = _geometry(program, operator, height, width)
    program.call(
        "aersut_convolution_s8",
        program.address(operator.inputs[0]),
        program.array(values),
        bias,
        *_factors(program, operator, filters),
        program.address(operator.output),
        geometry,
        program.scratch(2 * PLACES * math.ceil(height * width * channels / 4) * 4, "int16_t"),
    )
    program.macs += program.count(operator.output) * height * width * channels


def max_pool(program: Program, operator: Operator) -> None:
    """MAX_POOL_2D."""
    _pool(program, operator, "aersut_max_pool_s8")


def average_pool(program: Program, operator: Operator) -> None:
    """AVERAGE_POOL_2D."""
    _pool(program, operator, "aersut_average_pool_s8")


def dense(program: Program, operator: Operator) -> None:
    """FULLY_CONNECTED."""
    source, weights = operator.inputs[:2]
    output = operator.output
    columns, depth = program.shape(weights)
    rows = program.count(source) // depth
    low, high = limits(program, operator)
    if len(program.scales(weights)) > 1:
        factors = _factors(program, operator, columns)
        each = 1
    else:
        scale = np.float32(program.scale(source) * program.scale(weights))  # TensorFlow multiplies in float32 here
        factor = multiplier(float(scale) / float(program.scale(output)))
        factors = program.array(np.array([factor[0]], np.int32)), program.array(np.array([factor[1]], np.int8))
        each = 0
    program.call(
        "aersut_dense_s8",
        program.address(source),
        program.array(program.weights(operator)),
        _folded(program, operator, program.weights(operator)),
        *factors,
        each,
        program.address(output),
        *(rows, depth, columns, program.zero_point(output), low, high),
    )
    program.macs += rows * depth * columns


def matmul(program: Program, operator: Operator) -> None:
    """BATCH_MATMUL of two computed tensors."""
    first, second = operator.inputs
    output, options = operator.output, operator.options
    if options.adjX:
        raise UntranslatableError(f"{program.file.name} has a BATCH_MATMUL that transposes its first input.")
    rows, depth = program.shape(first)[-2:]
    columns = program.shape(output)[-1]
    batch = program.count(first) // (rows * depth)
    if program.count(second) != batch * depth * columns:
        raise UntranslatableError(f"{program.file.name} has a BATCH_MATMUL that repeats an input.")
    scale = np.float32(program.scale(first) * program.scale(second))
    program.call(
        "aersut_matmul_s8",
        *(program.address(first), program.address(second), program.address(output)),
        *(batch, rows, depth, columns),
        *((1, depth) if options.adjY else (columns, 1)),
        *(program.zero_point(first), program.zero_point(second)),
        *multiplier(float(scale) / float(program.scale(output))),
        program.zero_point(output),
    )
    program.macs += batch * rows * depth * columns


def add(program: Program, operator: Operator) -> None:
    """ADD."""
    _sum(program, operator, 1)


def subtract(program: Program, operator: Operator) -> None:
    """SUB."""
    _sum(program, operator, -1)


def multiply(program: Program, operator: Operator) -> None:
    """MUL."""
    first, second = operator.inputs
    output = operator.output
    low, high = limits(program, operator)
    scale = float(program.scale(first)) * float(program.scale(second)) / float(program.scale(output))
    factor, shift = multiplier(scale)
    zeros = program.zero_point(first), program.zero_point(second)
    rule = program.structure("aersut_sum", *zeros, 0, 0, factor, program.zero_point(output), low, high, 0, 0, shift)
    _binary(program, operator, "aersut_multiply_s8", rule)


def absolute(program: Program, operator: Operator) -> None:
    """ABS."""
    source, output = operator.inputs[0], operator.output
    zero, before, after = program.zero_point(output), program.scale(source), program.scale(output)
    factor = multiplier(float(np.float32(before / after)))
    same = before == after
    table(program, operator, lambda value: (abs(value) if same else rescaled(abs(value), factor)) + zero)


def relu(program: Program, operator: Operator) -> None:
    """RELU."""
    source, output = operator.inputs[0], operator.output
    factor = multiplier(float(np.float32(program.scale(source) / program.scale(output))))
    zero = program.zero_point(output)
    table(program, operator, lambda value: max(rescaled(value, factor) + zero, zero))


def requantize(program: Program, operator: Operator) -> None:
    """QUANTIZE from int8 to another int8 format."""
    source, output = operator.inputs[0], operator.output
    factor, zero = multiplier(float(program.scale(source)) / float(program.scale(output))), program.zero_point(output)
    table(program, operator, lambda value: rescaled(value, factor) + zero)


def softmax(program: Program, operator: Operator) -> None:
    """SOFTMAX along the last axis."""
    source, output = operator.inputs[0], operator.output
    real = min(operator.options.beta * float(program.scale(source)) * (1 << 26), (1 << 31) - 1.0)
    factor, shift = multiplier(real)
    least = -math.floor(31 * (1 << 26) / (1 << shift))
    columns = program.shape(output)[-1]
    rows = program.count(output) // columns
    addresses = program.address(source), program.address(output)
    program.call("aersut_softmax_s8", *addresses, rows, columns, factor, shift, least)


def total(program: Program, operator: Operator) -> None:
    """SUM."""
    _reduce(program, operator, mean=False)


def mean(program: Program, operator: Operator) -> None:
    """MEAN."""
    _reduce(program, operator, mean=True)


def table(program: Program, operator: Operator, function: Callable[[int], int]) -> None:
    """An operator that changes each value by itself: `function` of the value minus its zero point, for all 256."""
    source, output = operator.inputs[0], operator.output
    zero = program.zero_point(source)
    entries = np.clip([function(value - zero) for value in range(LOW, HIGH + 1)], LOW, HIGH).astype(np.int8)
    addresses = program.address(source), program.array(entries), program.address(output)
    program.call("aersut_table_s8", *addresses, program.count(output), reuse=(output, source))


def limits(program: Program, operator: Operator) -> tuple[int, int]:
    """The range of the output, from the activation that is fused into an operator."""
    code, output = operator.options.fusedActivationFunction, operator.output
    zero = program.zero_point(output)
    if code == 0:
        return LOW, HIGH
    if code == RELU:
        return max(LOW, zero), HIGH
    if code == RELU6:
        return max(LOW, zero), min(HIGH, zero + round(6 / float(program.scale(output))))
    raise UntranslatableError(f"{program.file.name} has an activation (code {code}) that the C library lacks.")


def reduction(program: Program, operator: Operator) -> tuple[int, int, int]:
    """The sizes (outer, reduced, inner) of a reduction over adjacent axes."""
    shape = program.shape(operator.inputs[0])
    chosen = np.atleast_1d(program.known(operator.inputs[1], f"the axes of {operator.name}"))
    axes = sorted({int(axis) % len(shape) for axis in chosen})
    first, last = axes[0], axes[-1] + 1
    if any(shape[axis] != 1 for axis in range(first, last) if axis not in axes):
        raise UntranslatableError(f"{program.file.name} has a {operator.name} over axes that are not adjacent.")
    return math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:])


def broadcast(program: Program, operator: Operator) -> str:
    """The structure with sizes of the output and steps of both inputs, 0 along axes that an input repeats."""
    shape = program.shape(operator.output)

    def steps(tensor: int) -> list[int]:
        own = (1,) * (len(shape) - len(program.shape(tensor))) + program.shape(tensor)
        return [0 if size == 1 else step for size, step in zip(own, strides(own), strict=True)]

    axes = merged_axes(shape, *map(steps, operator.inputs[:2]))
    return program.structure("aersut_broadcast", *zip(*four_axes(program, axes), strict=True))


def _sum(program: Program, operator: Operator, sign: int) -> None:
    first, second = operator.inputs
    output = operator.output
    scales = [float(program.scale(one)) for one in (first, second)]
    twice = 2 * max(scales)
    (one, shift_one), (other, shift_other) = (multiplier(scale / twice) for scale in scales)
    factor, shift = multiplier(twice / ((1 << 20) * float(program.scale(output))))
    rule = program.structure(
        "aersut_sum",
        *(program.zero_point(first), program.zero_point(second), one, other),
        *(factor, program.zero_point(output), *limits(program, operator), shift_one, shift_other, shift),
    )
    _binary(program, operator, "aersut_add_s8", rule, sign)


def _binary(program: Program, operator: Operator, kernel: str, rule: str, *rest: int) -> None:
    first, second = operator.inputs
    addresses = program.address(first), program.address(second), program.address(operator.output)
    program.call(kernel, *addresses, broadcast(program, operator), rule, *rest)


def _reduce(program: Program, operator: Operator, mean: bool) -> None:
    source, output = operator.inputs[0], operator.output
    outer, count, inner = reduction(program, operator)
    factor, shift = multiplier(float(program.scale(source)) / float(program.scale(output)))
    if mean:  # the division by the count is part of the multiplier, which is truncated
        more = min(count.bit_length() - 1, 32, 31 + shift)
        factor, shift = (factor << more) // count, shift - more
    addresses = program.address(source), program.address(output)
    zeros = program.zero_point(source), factor, shift, program.zero_point(output)
    program.call("aersut_sum_s8", *addresses, outer, count, inner, *zeros)


def _pool(program: Program, operator: Operator, kernel: str) -> None:
    options = operator.options
    geometry = _geometry(program, operator, options.filterHeight, options.filterWidth)
    program.call(kernel, program.address(operator.inputs[0]), program.address(operator.output), geometry)


def _folded(program: Program, operator: Operator, values: Int8[np.ndarray, "filters *shape"]) -> str:
    """The bias minus input zero point · Σ weights, so that the kernel multiplies stored values."""
    source, bias = operator.inputs[0], program.bias(operator)
    sums = values.reshape(len(values), -1).sum(axis=1, dtype=np.int64)
    folded = (0 if bias is None else bias.astype(np.int64)) - program.zero_point(source) * sums
    return program.array(folded.astype(np.int32))


def _factors(program: Program, operator: Operator, filters: int) -> tuple[str, str]:
    """Arrays of the multipliers and of the shifts from accumulators to outputs, one per filter."""
    source, weights = operator.inputs[:2]
    scales = np.broadcast_to(program.scales(weights), filters)
    before, after = float(program.scale(source)), float(program.scale(operator.output))
    factors = np.array([multiplier(before * float(scale) / after) for scale in scales])
    return program.array(factors[:, 0].astype(np.int32)), program.array(factors[:, 1].astype(np.int8))


def _geometry(program: Program, operator: Operator, height: int, width: int) -> str:
    """The structure with the sizes of input, filter and output of a convolution or pooling, and its limits.

    Values along one axis only (one column of frames) are described as one row, whose values are adjacent.
    """
    options, source = operator.options, operator.inputs[0]
    batch, rows, columns, channels = program.shape(source)
    if batch != 1:
        raise UntranslatableError(f"{program.file.name} has a {operator.name} of a batch of {batch}; expected 1.")
    _, out_rows, out_columns, filters = program.shape(operator.output)
    by, dilation = (options.strideH, options.strideW), (1, 1)
    if hasattr(options, "dilationHFactor"):
        dilation = options.dilationHFactor, options.dilationWFactor

    def padding(size: int, out: int, kernel: int, step: int, apart: int) -> int:
        return 0 if options.padding == 1 else max(0, ((out - 1) * step + (kernel - 1) * apart + 1 - size)) // 2

    vertical = (rows, height, out_rows, by[0], dilation[0], padding(rows, out_rows, height, by[0], dilation[0]))
    horizontal = (
        columns,
        width,
        out_columns,
        by[1],
        dilation[1],
        padding(columns, out_columns, width, by[1], dilation[1]),
    )
    if columns == width == out_columns == 1:
        vertical, horizontal = horizontal, vertical
    zeros = program.zero_point(source), program.zero_point(operator.output)
    sizes = channels, filters, vertical, horizontal
    return program.structure("aersut_geometry", *sizes, *zeros, *limits(program, operator))
