"""Look into a .tflite file, and change it, by means of LiteRT's own schema. Needs neither TensorFlow nor JAX."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from aersut.errors import UserError

IDENTIFIER = b"TFL3"
METADATA = "AERSUT"
"""The name of the metadata entry that says what a file is, as JSON."""
TYPES = {code: name.lower() for name, code in vars(schema.TensorType).items() if isinstance(code, int)}
OPERATORS = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


@dataclass(frozen=True)
class Tensor:
    """A tensor of a file.

    Attributes:
        type: "float32", "int8", …
        scale: of all its values, where it is quantized as a whole: value = scale · (stored − zero_point).
        constant: its values lie in the file.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    scale: float | None
    zero_point: int | None
    constant: bool


@dataclass(frozen=True)
class Description:
    """What is in a file: its operators' names as often as they occur, and the tensors of all its graphs."""

    operators: tuple[str, ...]
    tensors: tuple[Tensor, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def unpack(file: bytes, name: str = "the file") -> Any:
    """The file as a tree of objects (`schema.ModelT`) that can be changed.

    Raises:
        UserError: the file is truncated, or no .tflite file.
    """
    if file[4:8] != IDENTIFIER:
        raise UserError(f"{name} is no .tflite file: it does not begin like one. Export it with --mode=export.")
    try:
        return flatbuffer_utils.read_model_from_bytearray(file)
    except Exception as error:  # whatever a cut-off file makes the schema's readers stumble over
        raise UserError(f"{name} is a damaged .tflite file ({error}). Copy or export it again.") from None


def pack(model: Any) -> bytes:
    """The bytes of a `schema.ModelT`, with the values of tensors at multiples of 16 bytes, as kernels want them.

    Equal vectors are stored once: half of what an int8 file adds to its weights are zero points, 8 bytes of zeros for
    each filter.
    """
    model.buffers = [_Aligned(data=buffer.data) for buffer in model.buffers]
    builder = _Sharing(1024)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


class _Sharing(flatbuffers.Builder):
    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802
        if x.dtype == np.uint8:  # of buffers, whose place is aligned, and of options, whose is not
            return super().CreateNumpyVector(x)
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]


class _Aligned(schema.BufferT):
    data: Any

    # the schema asks for this alignment, which the generated Python code forgets
    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802
        if self.data is not None:
            self.data = np.frombuffer(bytes(self.data), np.uint8)
            builder.Prep(16, len(self.data))
        return super().Pack(builder)


def operator_name(model: Any, operator: Any) -> str:
    """The name of an operator, "CONV_2D", or that which a custom one goes by."""
    code = model.operatorCodes[operator.opcodeIndex]
    number = flatbuffer_utils.get_builtin_code_from_operator_code(code)
    return code.customCode.decode() if number == schema.BuiltinOperator.CUSTOM else OPERATORS[number]


def describe(file: bytes, name: str = "the file") -> Description:
    """List a file's operators and tensors.

    Raises:
        UserError: the file is truncated, or no .tflite file.
    """
    model = unpack(file, name)
    graph = model.subgraphs[0]
    named = [list(_tensors(model, one)) for one in model.subgraphs]
    return Description(
        operators=tuple(operator_name(model, one) for part in model.subgraphs for one in part.operators or ()),
        tensors=tuple(tensor for part in named for tensor in part),
        inputs=tuple(named[0][place] for place in graph.inputs),
        outputs=tuple(named[0][place] for place in graph.outputs),
    )


def _tensors(model: Any, graph: Any) -> Iterator[Tensor]:
    for tensor in graph.tensors:
        quantization = tensor.quantization
        whole = quantization is not None and quantization.scale is not None and len(quantization.scale) == 1
        yield Tensor(
            name=tensor.name.decode(),
            shape=tuple(int(size) for size in (() if tensor.shape is None else tensor.shape)),
            type=TYPES[tensor.type],
            scale=float(quantization.scale[0]) if whole else None,
            zero_point=int(quantization.zeroPoint[0]) if whole else None,
            constant=model.buffers[tensor.buffer].data is not None,
        )


def with_metadata(file: bytes, tree: Any) -> bytes:
    """The file with `tree` as JSON in its metadata, in place of what was there under our name."""
    model = unpack(file)
    kept = [entry for entry in model.metadata or [] if entry.name != METADATA.encode()]
    model.buffers.append(schema.BufferT(data=np.frombuffer(json.dumps(tree, allow_nan=False).encode(), np.uint8)))
    model.metadata = [*kept, schema.MetadataT(name=METADATA.encode(), buffer=len(model.buffers) - 1)]
    return pack(model)


def metadata(file: bytes, name: str = "the file") -> Any:
    """What `with_metadata` put into a file; None where there is none.

    Raises:
        UserError: the file is truncated, or no .tflite file.
    """
    model = unpack(file, name)
    for entry in model.metadata or []:
        if entry.name == METADATA.encode():
            return json.loads(bytes(model.buffers[entry.buffer].data))
    return None
