"""The files of a bundle that a board's program is compiled of.

Headers and data are written here; `board/main_example.cc` is shipped as it is, since all that differs between models is
in `model_settings.h`. So there is no template, and what a user reads is what a compiler has seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int8, Int16

from aersut.contracts import Framing
from aersut.export.flatbuffer import describe
from aersut.export.tflm import run_tflm

EXAMPLE = Path(__file__).parent / "board" / "main_example.cc"
HEADROOM = 1.1
"""What an arena is larger than measured, for kernels that are optimized for a processor and ask for scratch space."""
FRAMES, WINDOWS = 4, 2
"""How many test vectors there are for the frontend and for the classifier."""
ADDED = {"2D": "2D", "3D": "3D", "V2": "V2", "L2": "L2", "LSTM": "LSTM", "MATMUL": "MatMul", "CUMSUM": "CumSum"}
"""Words of operators' names that MicroMutableOpResolver does not write as the others, "Reshape"."""


@dataclass(frozen=True)
class Board:
    """What runs on a board.

    Attributes:
        frontend: samples of a frame to int8 features.
        classifier: the int8 features of a window's frames to int8 probabilities.
        arenas: bytes that each takes in TensorFlow Lite Micro.
        source: one line on where all this comes from.
        samples: a few frames with the sample before each, to test a board with.
        windows: a few windows of frames.
    """

    framing: Framing
    labels: tuple[str, ...]
    frontend: bytes
    classifier: bytes
    arenas: tuple[int, int]
    source: str
    samples: Int16[np.ndarray, "some one_and_frame_length"]
    windows: Int8[np.ndarray, "some frames channels"]


def firmware(board: Board) -> dict[str, str]:
    """The text of each file, by its name."""
    operators = sorted({*describe(board.frontend).operators, *describe(board.classifier).operators})
    headers = {
        "model_settings.h": _settings(board),
        "model_data.h": _declarations(board),
        "op_resolver.h": _resolver(operators),
        "test_vectors.h": _vectors(board),
    }
    return {
        **{name: _guarded(name, board.source, text) for name, text in headers.items()},
        "model_data.cc": _data(board),
        "main_example.cc": EXAMPLE.read_text(encoding="utf-8"),
    }


def _settings(board: Board) -> str:
    framing = board.framing
    [window], [output] = describe(board.classifier).inputs, describe(board.classifier).outputs
    before = framing.frame_length // 2 if framing.center else 0
    ring = 1 << (4 * max(framing.frame_length, framing.hop_length) - 1).bit_length()
    numbers = [
        ("SAMPLE_RATE", framing.sample_rate, "Hz; samples are int16, mono"),
        ("FRAME_LENGTH", framing.frame_length, "samples of a frame"),
        ("HOP_LENGTH", framing.hop_length, "samples from one frame to the next"),
        ("FIRST_SAMPLES", framing.frame_length - before, "samples of the first frame; silence stands before them"),
        ("SAMPLE_RING", ring, "samples; a power of two, at least four frames"),
        ("FRAMES_PER_SECOND", framing.sample_rate // framing.hop_length, "rounded down"),
        ("FRAMES", window.shape[1], "frames of a window"),
        ("CHANNELS", window.shape[2], "features of a frame"),
        ("CLASSES", len(board.labels), "emotions"),
        ("FRONTEND_ARENA", _roomy(board.arenas[0]), f"bytes; {board.arenas[0]} measured, and headroom"),
        ("CLASSIFIER_ARENA", _roomy(board.arenas[1]), f"bytes; {board.arenas[1]} measured, and headroom"),
        ("FRAME_SCALE", _float(window.scale), "feature = scale * (int8 - zero point)"),
        ("FRAME_ZERO_POINT", window.zero_point, ""),
        ("OUTPUT_SCALE", _float(output.scale), "probability = scale * (int8 - zero point)"),
        ("OUTPUT_ZERO_POINT", output.zero_point, ""),
    ]
    lines = [
        f"#define AERSUT_{name} {f'({value})' if str(value).startswith('-') else value}{what and f'  /* {what} */'}"
        for name, value, what in numbers
    ]
    lines += ["", "/* The emotions, in the order of the probabilities; aersut_labels has them, too. */"]
    lines += [f"#define AERSUT_LABEL_{place} {_text(label)}" for place, label in enumerate(board.labels)]
    return "\n".join(lines) + "\n"


def _declarations(board: Board) -> str:
    return f"""#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

extern const uint8_t aersut_frontend[{len(board.frontend)}];   /* frontend.tflite, aligned to 16 bytes */
extern const uint8_t aersut_classifier[{len(board.classifier)}]; /* the int8 classifier, aligned to 16 bytes */
extern const char *const aersut_labels[{len(board.labels)}];

#ifdef __cplusplus
}}
#endif
"""


def _data(board: Board) -> str:
    labels = ", ".join(map(_text, board.labels))
    return f"""/* {board.source} */
#include "model_data.h"

#ifndef __cplusplus
#include <stdalign.h>
#endif

const char *const aersut_labels[{len(board.labels)}] = {{{labels}}};

alignas(16) const uint8_t aersut_frontend[{len(board.frontend)}] = {{
{_numbers(np.frombuffer(board.frontend, np.uint8))}
}};

alignas(16) const uint8_t aersut_classifier[{len(board.classifier)}] = {{
{_numbers(np.frombuffer(board.classifier, np.uint8))}
}};
"""


def _resolver(operators: Sequence[str]) -> str:
    calls = "\n".join(f"  TF_LITE_ENSURE_STATUS(resolver.{adder(name)}());" for name in operators)
    return f"""#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

// The operators that frontend.tflite and the classifier are made of.
using AersutOpResolver = tflite::MicroMutableOpResolver<{len(operators)}>;

inline TfLiteStatus AersutAddOperators(AersutOpResolver& resolver) {{
{calls}
  return kTfLiteOk;
}}
"""


def adder(operator: str) -> str:
    """The method of MicroMutableOpResolver that adds an operator: "MAX_POOL_2D" → "AddMaxPool2D"."""
    words = operator.replace("PADV2", "PAD_V2").replace("BATCH_MATMUL", "BATCH_MAT_MUL").split("_")
    return "Add" + "".join(ADDED.get(word, word.capitalize()) for word in words)


def _vectors(board: Board) -> str:
    samples, windows = board.samples[:FRAMES], board.windows[:WINDOWS]
    frames = run_tflm(board.frontend, samples[:, None], "frontend.tflite", independent=False).outputs[:, 0]
    probabilities = run_tflm(board.classifier, windows[:, None], "the classifier", independent=False).outputs[:, 0]
    tables = [
        ("int16_t", "samples", samples),
        ("int8_t", "frames", frames),
        ("int8_t", "windows", windows.reshape(len(windows), -1)),
        ("int8_t", "probabilities", probabilities),
    ]
    arrays = "\n\n".join(
        f"static const {kind} aersut_test_{name}[{len(rows)}][{rows.shape[1]}] = {{\n"
        + ",\n".join(f"{{{_numbers(row)}}}" for row in rows)
        + "};"
        for kind, name, rows in tables
    )
    return f"""\
/* Frames of samples with what the frontend gives for them, then windows of frames with what the classifier gives,
   by TensorFlow Lite Micro's reference kernels; one input after the other, without a reset between them. */
#include <stdint.h>

#define AERSUT_TEST_FRAMES {len(samples)}
#define AERSUT_TEST_WINDOWS {len(windows)}

{arrays}
"""


def _guarded(name: str, source: str, text: str) -> str:
    guard = f"AERSUT_{name.replace('.', '_').upper()}_"
    return f"/* {source} */\n#ifndef {guard}\n#define {guard}\n\n{text}\n#endif  /* {guard} */\n"


def _numbers(values: np.ndarray) -> str:
    return ",\n".join(",".join(map(str, values[begin : begin + 32])) for begin in range(0, len(values), 32))


def _roomy(arena: int) -> int:
    return -(-int(arena * HEADROOM) // 1024) * 1024


def _float(value: float | None) -> str:
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def _text(label: str) -> str:
    escaped = label.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
