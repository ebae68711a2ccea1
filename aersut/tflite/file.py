"""A .tflite file by LiteRT's schema: operators, tensors, quantization, metadata. Needs neither TensorFlow nor JAX."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from aersut.errors import UserError

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

IDENTIFIER = b"TFL3"
METADATA = "AERSUT"
"""Name of the metadata entry that describes an exported model, as JSON."""
TYPES = {code: name.lower() for name, code in vars(schema.TensorType).items() if isinstance(code, int)}
OPERATORS = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


@dataclass(frozen=True)
class Tensor:
    """A tensor of a file.

    Attributes:
        type: "float32", "int8", …
        scale, zero_point: of per-tensor quantization, real = scale · (stored − zero_point); None without it.
        constant: whether the file stores its values.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    scale: float | None
    zero_point: int | None
    constant: bool

    def quantize(self, values: Float[np.ndarray, "*shape"]) -> Shaped[np.ndarray, "*shape"]:
        """Convert real values to the tensor's type; a quantized tensor rounds and clips them."""
        if self.scale is None or self.zero_point is None:
            return values.astype(self.type, copy=False)
        limits = np.iinfo(self.type)
        return np.clip(np.rint(values / self.scale) + self.zero_point, limits.min, limits.max).astype(self.type)

    def dequantize(self, stored: Shaped[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Convert stored values to real ones, in float32."""
        values = stored.astype(np.float32, copy=False)
        if self.scale is None or self.zero_point is None:
            return values
        return (values - self.zero_point) * self.scale


@dataclass(frozen=True)
class TFLiteFile:
    """An immutable .tflite file, parsed once, at the first access to its graph.

    Every property raises `UserError`, with the name of the file, where the content is damaged.

    Attributes:
        name: for error messages: a path, or the file's name in the bundle.

    Raises:
        UserError: the content lacks the identifier of .tflite files.
    """

    content: bytes = field(repr=False)
    name: str = "the file"

    def __post_init__(self) -> None:
        if self.content[4:8] != IDENTIFIER:
            raise UserError(
                f"{self.name} is not a .tflite file: it lacks the identifier {IDENTIFIER.decode()}. "
                "Export it with --mode=export."
            )

    @classmethod
    def read(cls, path: Path) -> "TFLiteFile":
        """Read a file from disk.

        Raises:
            UserError: the file cannot be read, or is not a .tflite file.
        """
        try:
            return cls(path.read_bytes(), str(path))
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}.") from None

    @cached_property
    def operators(self) -> tuple[str, ...]:
        """Operator names of all subgraphs, each as often as it occurs."""
        return tuple(operator_name(self._tree, one) for graph in self._tree.subgraphs for one in graph.operators or ())

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """The tensors of all subgraphs."""
        return tuple(self._tensor(tensor) for graph in self._tree.subgraphs for tensor in graph.tensors)

    @cached_property
    def inputs(self) -> tuple[Tensor, ...]:
        """The input tensors of the main graph."""
        return tuple(self.tensors[index] for index in self._tree.subgraphs[0].inputs)

    @cached_property
    def outputs(self) -> tuple[Tensor, ...]:
        """The output tensors of the main graph."""
        return tuple(self.tensors[index] for index in self._tree.subgraphs[0].outputs)

    @cached_property
    def metadata(self) -> Any:
        """The JSON that `with_metadata` stored; None without such an entry."""
        for entry in self._tree.metadata or ():
            if entry.name == METADATA.encode():
                return json.loads(bytes(self._tree.buffers[entry.buffer].data))
        return None

    def with_metadata(self, tree: Any) -> "TFLiteFile":
        """The file with `tree` as its JSON metadata, which replaces an earlier one."""

        def store(model: Any) -> None:
            kept = [entry for entry in model.metadata or () if entry.name != METADATA.encode()]
            data = np.frombuffer(json.dumps(tree, allow_nan=False).encode(), np.uint8)
            model.buffers.append(schema.BufferT(data=data))
            model.metadata = [*kept, schema.MetadataT(name=METADATA.encode(), buffer=len(model.buffers) - 1)]

        return self.edited(store)

    def edited(self, *edits: Callable[[Any], None], name: str = "") -> "TFLiteFile":
        """The file after `edits`, each of which changes the schema tree (`schema.ModelT`) in place.

        Args:
            name: of the new file; by default that of this one.
        """
        model = self.model()
        for edit in edits:
            edit(model)
        return packed(model, name or self.name)

    def model(self) -> Any:
        """A copy of the schema tree (`schema.ModelT`), which the caller may change."""
        return copy.deepcopy(self._tree)

    @cached_property
    def _tree(self) -> Any:
        try:
            return flatbuffer_utils.read_model_from_bytearray(self.content)
        except Exception as error:  # the schema's readers raise all kinds of errors on a truncated file
            raise UserError(f"{self.name} is a damaged .tflite file ({error}). Copy or export it again.") from None

    def _tensor(self, tensor: Any) -> Tensor:
        quantization = tensor.quantization
        whole = quantization is not None and quantization.scale is not None and len(quantization.scale) == 1
        return Tensor(
            name=(tensor.name or b"").decode(),
            shape=tuple(int(size) for size in (() if tensor.shape is None else tensor.shape)),
            type=TYPES[tensor.type],
            scale=float(quantization.scale[0]) if whole else None,
            zero_point=int(quantization.zeroPoint[0]) if whole else None,
            constant=self._tree.buffers[tensor.buffer].data is not None,
        )


def operator_name(model: Any, operator: Any) -> str:
    """The name of an operator, such as "CONV_2D", or the custom code of a custom operator."""
    code = model.operatorCodes[operator.opcodeIndex]
    number = flatbuffer_utils.get_builtin_code_from_operator_code(code)
    return code.customCode.decode() if number == schema.BuiltinOperator.CUSTOM else OPERATORS[number]


def packed(model: Any, name: str = "the file") -> TFLiteFile:
    """Serialize a `schema.ModelT`; constants are aligned to 16 bytes, as kernels expect.

    Equal vectors are stored once: half of what int8 adds to a file's weights are zero points, 8 bytes of zeros for each
    filter.
    """
    model.buffers = [_AlignedBuffer(data=buffer.data) for buffer in model.buffers]
    builder = _Deduplicating(1024)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return TFLiteFile(bytes(builder.Output()), name)


class _Deduplicating(flatbuffers.Builder):
    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802
        if x.dtype == np.uint8:  # buffers, which are aligned, and custom options, which are not
            return super().CreateNumpyVector(x)
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]


class _AlignedBuffer(schema.BufferT):
    data: Any

    # the schema asks for this alignment, which the generated Python code omits
    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802
        if self.data is not None:
            self.data = np.frombuffer(bytes(self.data), np.uint8)
            builder.Prep(16, len(self.data))
        return super().Pack(builder)
