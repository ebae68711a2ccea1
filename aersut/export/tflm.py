"""The firmware for TensorFlow Lite Micro: the folder tflm, whose stream is that of the C library.

`board/` has the files that are copied unchanged, since all differences between models are in `aersut_model.h`: they are
the ones that the tests compile.
"""

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aersut.board import stride
from aersut.export.c_library.library import SOURCES
from aersut.export.c_source import Pipeline, constants, guarded, integers, model_header, test_vectors

COPIED = (
    *(SOURCES / "src" / name for name in ("aersut.h", "aersut.c", "aersut_self_test.c")),
    *(Path(__file__).parent / "board" / name for name in ("aersut_tflm.cc", "main_example.cc", "README.md")),
    SOURCES / "LICENSE",
)
HEADROOM = 1.1
"""Factor from the measured tensor arena to the reserved one; optimized kernels need scratch buffers."""
TOLERANCE = 6
"""int8 steps by which probabilities of optimized kernels may differ from those of the reference kernels."""
ADDED = {"2D": "2D", "3D": "3D", "V2": "V2", "L2": "L2", "LSTM": "LSTM", "MATMUL": "MatMul", "CUMSUM": "CumSum"}
"""Words of operator names that MicroMutableOpResolver does not write with an initial capital only ("Reshape")."""


def tflm_sources(pipeline: Pipeline) -> dict[str, str]:
    """The text of each source file, by path in the bundle."""
    operators = sorted({*pipeline.frontend.operators, *pipeline.classifier.operators})
    headers = {
        "aersut_model.h": _header(pipeline),
        "aersut_vectors.h": test_vectors(pipeline),
        "op_resolver.h": _resolver(operators),
    }
    files = {
        **{path.name: path.read_text(encoding="utf-8") for path in COPIED},
        **{name: guarded(name, pipeline.comment, text) for name, text in headers.items()},
        "aersut_model.c": _models(pipeline),
    }
    return {f"tflm/{name}": text for name, text in files.items()}


def _header(pipeline: Pipeline) -> str:
    framing = pipeline.framing
    [window] = pipeline.classifier.inputs
    half_a_second = stride(framing) * framing.hop_length  # in which the models must run once
    ring = 1 << (max(4 * framing.frame_length, half_a_second) - 1).bit_length()
    numbers: list[tuple[str, object, str]] = [
        (
            "ARENA",
            window.shape[1] * window.shape[2],
            "bytes for the frames of a window, from aersut.c to aersut_tflm.cc",
        ),
        ("WINDOW", 0, "their offset"),
        ("SAMPLE_RING", ring, "samples; size of the ring buffer in main_example.cc, a power of two"),
        *(
            (f"{name}_ARENA", _with_headroom(arena), f"bytes; {arena:,} measured at 64 bits, 10 % added")
            for name, arena in zip(("FRONTEND", "CLASSIFIER"), pipeline.arenas, strict=True)
        ),
        ("PROBABILITY_TOLERANCE", TOLERANCE, "int8 steps of aersut_self_test(); optimized kernels round otherwise"),
    ]
    state = ("const float *state, ", "float *next_state, ") if pipeline.state else ("", "")
    bare = "" if pipeline.classifier.metadata else " without its metadata"
    declarations = f"""\
/* The models. The export verified both on the test set, and measured their tensor arenas, with TensorFlow Lite Micro as
   in the Python package tflite-micro {importlib.metadata.version("tflite-micro")}, whose version has its date.
   Use a commit of about that date; for any other, aersut_self_test() compares the outputs. */
extern const uint8_t aersut_frontend[{len(pipeline.frontend.content)}]; /* frontend.tflite without its metadata */
extern const uint8_t aersut_classifier[{len(pipeline.classifier.content)}]; /* {pipeline.classifier.name}{bare} */

/* Prepares both interpreters at the first call. False if that or a later run of a model failed; TensorFlow Lite Micro
   prints the reason: a tensor arena that is too small, or an operator or a version that it lacks. */
bool aersut_models_ok(void);

/* What aersut.c calls. The frontend reads the sample before a frame, then the frame. The classifier reads the frames of
   a window from arena + AERSUT_WINDOW. */
void aersut_run_frontend(const int16_t *samples, {state[0]}int8_t *frame, {state[1]}void *arena);
void aersut_run_classifier(int8_t *probabilities, void *arena);"""
    return model_header(pipeline, numbers, declarations)


def _models(pipeline: Pipeline) -> str:
    return f"""/* {pipeline.comment} */
#include "aersut_model.h"

#include <stdalign.h>

{constants(pipeline)}
alignas(16) const uint8_t aersut_frontend[{len(pipeline.frontend.content)}] = {{
{integers(np.frombuffer(pipeline.frontend.content, np.uint8))}
}};

alignas(16) const uint8_t aersut_classifier[{len(pipeline.classifier.content)}] = {{
{integers(np.frombuffer(pipeline.classifier.content, np.uint8))}
}};
"""


def _resolver(operators: Sequence[str]) -> str:
    calls = "\n".join(f"  TF_LITE_ENSURE_STATUS(resolver.{adder(name)}());" for name in operators)
    return f"""#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

// Registers the operators of both models; pass the resolver to both interpreters.
using AersutOpResolver = tflite::MicroMutableOpResolver<{len(operators)}>;

inline TfLiteStatus AersutAddOperators(AersutOpResolver& resolver) {{
{calls}
  return kTfLiteOk;
}}
"""


def adder(operator: str) -> str:
    """The method of MicroMutableOpResolver that adds an operator: "AddMaxPool2D" for "MAX_POOL_2D"."""
    words = operator.replace("PADV2", "PAD_V2").replace("BATCH_MATMUL", "BATCH_MAT_MUL").split("_")
    return "Add" + "".join(ADDED.get(word, word.capitalize()) for word in words)


def _with_headroom(arena: int) -> int:
    return -(-int(arena * HEADROOM) // 1024) * 1024
