"""The operators that the C library has: which function translates each, by the type of its values."""

from collections.abc import Callable, Mapping

from aersut.export.c_library import floating, int8, lstm, views
from aersut.export.c_library.function import CFunction, c_function
from aersut.export.c_library.program import Operator, Program, Translator, UntranslatableError
from aersut.export.c_library.rows import find_chains
from aersut.tflite.file import TFLiteFile
from aersut.tflite.graph import Graph


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


def _to(name: str, translator: Translator) -> Translator:
    """A translator of conversions to one type."""
    return _typed(_output, **{name: translator})


def _first(operator: Operator) -> int:
    return operator.inputs[0]


def _output(operator: Operator) -> int:
    return operator.output


def _float(name: str) -> Translator:
    if name in floating.UNARY:
        return floating.unary(floating.UNARY[name])
    return floating.binary(floating.BINARY[name])


_INT8: Mapping[str, Translator] = {
    "ABS": int8.absolute,
    "ADD": int8.add,
    "MUL": int8.multiply,
    "RELU": int8.relu,
    "SUB": int8.subtract,
}
"""Those of the operators with a float kernel that also have an int8 one."""

TRANSLATORS: Mapping[str, Translator] = {
    **{
        name: _typed(_output, float32=_float(name), **({"int8": _INT8[name]} if name in _INT8 else {}))
        for name in (*floating.UNARY, *floating.BINARY)
    },
    "AVERAGE_POOL_2D": _typed(_output, int8=int8.average_pool),
    "BATCH_MATMUL": _typed(_output, int8=int8.matmul),
    "CAST": _to(
        "float32",
        _typed(_first, int16=floating.unary("aersut_cast_s16_f32"), bool=floating.unary("aersut_cast_bool_f32")),
    ),
    "CONCATENATION": views.concatenate,
    "CONV_2D": _typed(_output, int8=int8.convolution),
    "DEPTHWISE_CONV_2D": _typed(_output, int8=int8.depthwise_convolution),
    "DEQUANTIZE": _to("float32", _typed(_first, int8=floating.dequantize)),
    "EXPAND_DIMS": views.reshape,
    "FULLY_CONNECTED": _typed(_output, int8=int8.dense, float32=floating.dense),
    "GREATER": _typed(_first, float32=floating.binary("aersut_greater_f32")),
    "GREATER_EQUAL": _typed(_first, float32=floating.binary("aersut_greater_equal_f32")),
    "IMAG": floating.part(1),
    "LESS": _typed(_first, float32=floating.binary("aersut_less_f32")),
    "MAX_POOL_2D": _typed(_output, int8=int8.max_pool),
    "MEAN": _typed(_output, int8=int8.mean),
    "NOT_EQUAL": _typed(_first, bool=floating.differ),
    "PACK": views.concatenate,
    "PAD": views.pad,
    "PADV2": views.pad,
    "QUANTIZE": _to("int8", _typed(_first, int8=int8.requantize, float32=floating.quantize)),
    "REAL": floating.part(0),
    "REDUCE_MAX": _typed(_output, float32=floating.reduce("aersut_reduce_max_f32")),
    "RESHAPE": views.reshape,
    "RFFT2D": floating.fourier,
    "REVERSE_V2": views.reverse,
    "SELECT": _typed(_output, float32=floating.select),
    "SELECT_V2": _typed(_output, float32=floating.select),
    "SLICE": views.slice_,
    "SOFTMAX": _typed(_output, int8=int8.softmax),
    "SQUEEZE": views.reshape,
    "STRIDED_SLICE": views.strided_slice,
    "SUM": _typed(_output, int8=int8.total, float32=floating.reduce("aersut_sum_f32")),
    "TRANSPOSE": views.transpose,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm.lstm,
}


def translate(file: TFLiteFile, name: str, window: bool = False) -> CFunction:
    """Translate a file to the C function `name(inputs…, outputs…, arena)`.

    Args:
        window: the first input is in the arena, where the caller writes it, and its memory is used again.

    Raises:
        UntranslatableError: the library lacks an operator, a type or a shape.
    """
    program = Program(file, name, Graph(file.model()))
    operators = program.operators()
    for one in operators:
        if one.name not in TRANSLATORS:
            raise UntranslatableError(f"{file.name} has the operator {one.name}, which the C library lacks.")
    chains = find_chains(program, operators)
    for one in operators:
        try:
            if not chains.translate(one):
                TRANSLATORS[one.name](program, one)
        except UntranslatableError:
            raise
        except (
            AttributeError,
            IndexError,
            KeyError,
            TypeError,
            ValueError,
        ) as error:  # a form that no translator knows
            raise UntranslatableError(
                f"{file.name}: {one.name} has a form that the C library lacks ({error})."
            ) from error
    return c_function(program, window)
