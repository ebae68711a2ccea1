"""One translated .tflite file, compiled for this machine without warnings and with sanitizers."""

import functools
import math
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from aersut.export.c_library.library import SOURCES
from aersut.export.c_library.operators import translate
from aersut.export.c_library.program import C_TYPES
from aersut.tflite.file import Tensor, TFLiteFile

STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror")
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def _memory(name: str, tensor: Tensor) -> str:
    return f"static {C_TYPES[tensor.type]} {name}[{math.prod(tensor.shape)}];"


def _gcc(*arguments: str) -> None:
    done = subprocess.run(
        ["gcc", *STRICT, *SANITIZED, f"-I{SOURCES / 'src'}", *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@functools.cache
def _kernels(flags: tuple[str, ...]) -> list[str]:
    """The compiled sources that all models share."""
    folder = tempfile.TemporaryDirectory()
    _FOLDERS.append(folder)  # until the process ends
    objects = []
    for name in ("aersut_kernels", "aersut_fft"):
        objects.append(str(Path(folder.name) / f"{name}.o"))
        _gcc(*flags, "-c", str(SOURCES / "src" / f"{name}.c"), "-o", objects[-1])
    return objects


_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []


def run_c(
    file: TFLiteFile, inputs: np.ndarray, folder: Path, sequence: int | None = None, flags: Sequence[str] = ()
) -> np.ndarray:
    """The first output for each of `inputs`; a state starts at zero every `sequence` inputs. As `run_tflm`."""
    if not shutil.which("gcc"):
        pytest.skip("there is no C compiler")
    function = translate(file, "model")
    state = len(file.inputs) > 1
    names = ["x", "s", "y", "t"] if state else ["x", "y"]
    tensors = [*file.inputs, *file.outputs]
    reset = f"if (i % {sequence or len(inputs)} == 0) memset(s, 0, sizeof s);" if state else ""
    main = f"""
#include <stdio.h>
#include "aersut_kernels.h"
{function.declaration}
{chr(10).join(map(_memory, names, tensors))}
static double arena[{function.arena} / 8 + 1];
int main(void) {{
  for (int i = 0; fread(x, sizeof x, 1, stdin) == 1; ++i) {{
    {reset}
    model({", ".join(names)}, arena);
    fwrite(y, sizeof y, 1, stdout);
    {"memcpy(s, t, sizeof s);" if state else ""}
  }}
  return 0;
}}
"""
    (folder / "model.c").write_text(f'#include "aersut_kernels.h"\n{function.declaration}\n{function.text}')
    (folder / "main.c").write_text(main)
    program = str(folder / "model")
    sources = [str(folder / "main.c"), str(folder / "model.c"), *_kernels(tuple(flags))]
    _gcc(*flags, *sources, "-lm", "-o", program)
    ran = subprocess.run([program], input=inputs.tobytes(), capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
    shape = file.outputs[0].shape[1:]
    return np.frombuffer(ran.stdout, file.outputs[0].type).reshape(len(inputs), *shape)
