"""The operators that the C library has: which function translates each, by the type of its values."""

from collections.abc import Callable, Mapping

from aersut.export.c_library import floating, int8, lstm, views
from aersut.export.c_library.program import Operator, Program, Translator, UntranslatableError


def _typed(position: Callable[[Operator], int], **by_type: Translator) -> Translator:
    """A translator that chooses another one by the type of a tensor."""

    def translate(program: Program, operator: Operator) -> None:
        name = program.type(position(operator))
        if name not in by_type:
            raise UntranslatableError(
                f"{program.file.name} has the operator {operator.name} on {name}, which the C library lacks."
            )
        by_type[name](program, operator)

    return translate


def _first(operator: Operator) -> int:
    return operator.inputs[0]


def _output(operator: Operator) -> int:
    return operator.output


def _of(int8_translator: Translator | None, kernel: Translator) -> Translator:
    known = {"float32": kernel} if int8_translator is None else {"float32": kernel, "int8": int8_translator}
    return _typed(_output, **known)


TRANSLATORS: Mapping[str, Translator] = {
    "ABS": _of(int8.absolute, floating.unary("aersut_abs_f32")),
    "ADD": _of(int8.add, floating.binary("aersut_add_f32")),
    "AVERAGE_POOL_2D": _typed(_output, int8=int8.average_pool),
    "BATCH_MATMUL": _typed(_output, int8=int8.matmul),
    "CAST": _typed(_first, int16=floating.unary("aersut_cast_s16_f32"), bool=floating.unary("aersut_cast_bool_f32")),
    "CONCATENATION": views.concatenate,
    "CONV_2D": _typed(_output, int8=int8.convolution),
    "COS": _of(None, floating.unary("aersut_cos_f32")),
    "DEPTHWISE_CONV_2D": _typed(_output, int8=int8.depthwise_convolution),
    "DEQUANTIZE": _typed(_first, int8=floating.dequantize),
    "DIV": _of(None, floating.binary("aersut_divide_f32")),
    "EXP": _of(None, floating.unary("aersut_exp_f32")),
    "EXPAND_DIMS": views.reshape,
    "FULLY_CONNECTED": _of(int8.dense, floating.dense),
    "GREATER": _typed(_first, float32=floating.binary("aersut_greater_f32")),
    "GREATER_EQUAL": _typed(_first, float32=floating.binary("aersut_greater_equal_f32")),
    "LESS": _typed(_first, float32=floating.binary("aersut_less_f32")),
    "LOG": _of(None, floating.unary("aersut_log_f32")),
    "MAXIMUM": _of(None, floating.binary("aersut_maximum_f32")),
    "MAX_POOL_2D": _typed(_output, int8=int8.max_pool),
    "MEAN": _typed(_output, int8=int8.mean),
    "MINIMUM": _of(None, floating.binary("aersut_minimum_f32")),
    "MUL": _of(int8.multiply, floating.binary("aersut_multiply_f32")),
    "NEG": _of(None, floating.unary("aersut_negate_f32")),
    "NOT_EQUAL": _typed(_first, bool=floating.differ),
    "PACK": views.concatenate,
    "PAD": views.pad,
    "PADV2": views.pad,
    "QUANTIZE": _typed(_first, int8=int8.requantize, float32=floating.quantize),
    "REDUCE_MAX": _of(None, floating.reduce("aersut_reduce_max_f32")),
    "RELU": _of(int8.relu, floating.unary("aersut_relu_f32")),
    "RESHAPE": views.reshape,
    "REVERSE_V2": views.reverse,
    "RSQRT": _of(None, floating.unary("aersut_rsqrt_f32")),
    "SELECT": _of(None, floating.select),
    "SELECT_V2": _of(None, floating.select),
    "SIN": _of(None, floating.unary("aersut_sin_f32")),
    "SLICE": views.slice_,
    "SOFTMAX": _typed(_output, int8=int8.softmax),
    "SQRT": _of(None, floating.unary("aersut_sqrt_f32")),
    "SQUARE": _of(None, floating.unary("aersut_square_f32")),
    "SQUEEZE": views.reshape,
    "STRIDED_SLICE": views.strided_slice,
    "SUB": _of(int8.subtract, floating.binary("aersut_subtract_f32")),
    "SUM": _of(int8.total, floating.reduce("aersut_sum_f32")),
    "TRANSPOSE": views.transpose,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm.lstm,
}
