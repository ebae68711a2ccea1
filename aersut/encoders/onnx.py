"""Models in ONNX files that installed packages contain, run by ONNX Runtime."""

import functools
import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aersut.errors import UserError, require


def packaged_file(package: str, path: str, encoder: str, extra: str) -> Path:
    """The path of a file in an installed package, which is not imported.

    Args:
        encoder, extra: its name, and what installs the package, for messages.

    Raises:
        UserError: the package, ONNX Runtime or the file is missing.
    """
    require(f"encoder '{encoder}' needs the package", extra, package, "onnxruntime")
    spec = importlib.util.find_spec(package)
    file = Path((spec and spec.origin) or "").parent / path
    if not file.is_file():
        raise UserError(
            f"encoder '{encoder}' needs the file {path}, which the installed version of {package} lacks: "
            f"pip install 'aersut[{extra}]'."
        )
    return file


@functools.cache
def file_digest(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@functools.cache
def session(file: Path, operator: str = "", indices: tuple[int, ...] = ()) -> Any:
    """An inference session on one thread; threads may share it.

    Args:
        operator, indices: if not empty, the outputs of these operators of this type replace the outputs of the model.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    content = _with_outputs(file, operator, indices) if operator else str(file)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _with_outputs(file: Path, operator: str, indices: Sequence[int]) -> bytes:
    import onnx

    model = onnx.load(str(file))
    names = [node.output[0] for node in model.graph.node if node.op_type == operator]
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(names[index]) for index in indices)
    return bytes(model.SerializeToString())
