"""C and C++ source files of the firmware.

Headers and data are generated. `board/main_example.cc` is copied unchanged, since all differences between models are in
`model_settings.h`: the file in the repository is the one that the tests compile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int8, Int16

from aersut.contracts import Framing
from aersut.tflite.file import TFLiteFile
from aersut.tflite.micro import run_tflm

EXAMPLE = Path(__file__).parent / "board" / "main_example.cc"
HEADROOM = 1.1
"""Factor from the measured tensor arena to the reserved one; optimized kernels need scratch buffers."""
FRAMES, WINDOWS = 4, 2
"""Number of test vectors of the frontend and of the classifier."""
ADDED = {"2D": "2D", "3D": "3D", "V2": "V2", "L2": "L2", "LSTM": "LSTM", "MATMUL": "MatMul", "CUMSUM": "CumSum"}
"""Words of operator names that MicroMutableOpResolver does not write with an initial capital only ("Reshape")."""


@dataclass(frozen=True)
class Pipeline:
    """The two models of the firmware, and the numbers and test inputs that its source files contain.

    Attributes:
        frontend: samples of a frame to int8 features.
        classifier: int8 features of the frames of a window to int8 probabilities.
        arenas: bytes of tensor arena of each in TensorFlow Lite Micro.
        source: one line on the origin of the models.
        samples: frames, each with the sample before it, as test inputs of the frontend.
        windows: windows of frames, as test inputs of the classifier.
        trim_db: silence at both ends of a window, this far below its loudest frame, is removed as in training; None
            keeps it.
        licences: of the corpora, one after the other.
        fft: the frontend with the operator RFFT2D, for the C library alone; see `fft_frontend_file`.
    """

    framing: Framing
    labels: tuple[str, ...]
    frontend: TFLiteFile
    classifier: TFLiteFile
    arenas: tuple[int, int]
    source: str
    samples: Int16[np.ndarray, "some one_and_frame_length"]
    windows: Int8[np.ndarray, "some frames channels"]
    trim_db: float | None
    licences: str
    fft: TFLiteFile | None = None

    @property
    def state(self) -> int:
        """Floats that the frontend carries from frame to frame."""
        return self.frontend.inputs[1].shape[1] if len(self.frontend.inputs) > 1 else 0


def c_sources(pipeline: Pipeline) -> dict[str, str]:
    """The text of each source file, by name."""
    operators = sorted({*pipeline.frontend.operators, *pipeline.classifier.operators})
    headers = {
        "model_settings.h": _settings(pipeline),
        "model_data.h": _declarations(pipeline),
        "op_resolver.h": _resolver(operators),
        "test_vectors.h": test_vectors(pipeline),
    }
    return {
        **{name: guarded(name, pipeline.source, text) for name, text in headers.items()},
        "model_data.cc": _data(pipeline),
        "main_example.cc": EXAMPLE.read_text(encoding="utf-8"),
    }


def _settings(pipeline: Pipeline) -> str:
    framing = pipeline.framing
    frontend, classifier = pipeline.arenas
    ring = 1 << (4 * max(framing.frame_length, framing.hop_length) - 1).bit_length()
    return definitions(
        pipeline,
        ("SAMPLE_RING", ring, "samples; size of the ring buffer, a power of two"),
        ("FRAMES_PER_SECOND", framing.sample_rate // framing.hop_length, "rounded down"),
        ("FRONTEND_ARENA", _with_headroom(frontend), f"bytes; {frontend} measured at 64 bits, 10 % added"),
        ("CLASSIFIER_ARENA", _with_headroom(classifier), f"bytes; {classifier} measured at 64 bits, 10 % added"),
    )


def definitions(pipeline: Pipeline, *more: tuple[str, object, str]) -> str:
    """`#define` lines with the numbers of the models, then those of `more` (name, value, comment), then the labels."""
    framing = pipeline.framing
    [window], [output] = pipeline.classifier.inputs, pipeline.classifier.outputs
    before = framing.frame_length // 2 if framing.center else 0
    numbers: list[tuple[str, object, str]] = [
        ("SAMPLE_RATE", framing.sample_rate, "Hz; samples are int16, mono"),
        ("FRAME_LENGTH", framing.frame_length, "samples per frame"),
        ("HOP_LENGTH", framing.hop_length, "samples between the starts of frames"),
        ("FIRST_SAMPLES", framing.frame_length - before, "samples that the first frame needs; zeros precede them"),
        ("FRAMES", window.shape[1], "frames per window, the input of the classifier"),
        ("CHANNELS", window.shape[2], "feature channels per frame, the output of the frontend"),
        ("STATE", pipeline.state, "floats that the frontend carries from frame to frame; 0 for none"),
        ("CLASSES", len(pipeline.labels), "emotions"),
        ("FRAME_SCALE", _float(window.scale), "scaled feature = scale * (int8 - zero point)"),
        ("FRAME_ZERO_POINT", window.zero_point, ""),
        ("OUTPUT_SCALE", _float(output.scale), "probability = scale * (int8 - zero point)"),
        ("OUTPUT_ZERO_POINT", output.zero_point, ""),
        *more,
    ]
    lines = [
        f"#define AERSUT_{name} {f'({value})' if str(value).startswith('-') else value}{about and f'  /* {about} */'}"
        for name, value, about in numbers
    ]
    lines += ["", "/* Emotions in the order of the output; the array aersut_labels holds the same strings. */"]
    lines += [f"#define AERSUT_LABEL_{index} {quoted(label)}" for index, label in enumerate(pipeline.labels)]
    return "\n".join(lines) + "\n"


def _declarations(pipeline: Pipeline) -> str:
    bare = "" if pipeline.classifier.metadata else " without its metadata"
    return f"""#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

extern const uint8_t aersut_frontend[{len(pipeline.frontend.content)}];   /* frontend.tflite without its metadata */
extern const uint8_t aersut_classifier[{len(pipeline.classifier.content)}]; /* {pipeline.classifier.name}{bare} */
extern const char *const aersut_labels[{len(pipeline.labels)}];

#ifdef __cplusplus
}}
#endif
"""


def _data(pipeline: Pipeline) -> str:
    labels = ", ".join(map(quoted, pipeline.labels))
    return f"""/* {pipeline.source} */
#include "model_data.h"

#ifndef __cplusplus
#include <stdalign.h>
#endif

const char *const aersut_labels[{len(pipeline.labels)}] = {{{labels}}};

alignas(16) const uint8_t aersut_frontend[{len(pipeline.frontend.content)}] = {{
{_numbers(np.frombuffer(pipeline.frontend.content, np.uint8))}
}};

alignas(16) const uint8_t aersut_classifier[{len(pipeline.classifier.content)}] = {{
{_numbers(np.frombuffer(pipeline.classifier.content, np.uint8))}
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


def test_vectors(pipeline: Pipeline) -> str:
    """A header with inputs of both models and their outputs in TensorFlow Lite Micro."""
    samples, windows = pipeline.samples[:FRAMES], pipeline.windows[:WINDOWS]
    frames = run_tflm(pipeline.frontend, samples).outputs
    probabilities = run_tflm(pipeline.classifier, windows).outputs
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
/* Test vectors. Frontend: aersut_test_samples to aersut_test_frames, as adjacent frames from a state of zeros.
   Classifier: aersut_test_windows to aersut_test_probabilities (int8). The outputs are those of TensorFlow Lite Micro's
   reference kernels. */
#include <stdint.h>

#define AERSUT_TEST_FRAMES {len(samples)}
#define AERSUT_TEST_WINDOWS {len(windows)}

{arrays}
"""


def guarded(name: str, source: str, text: str) -> str:
    """A header file with an include guard; `source` is its first comment."""
    guard = f"AERSUT_{name.replace('.', '_').upper()}_"
    return f"/* {source} */\n#ifndef {guard}\n#define {guard}\n\n{text}\n#endif  /* {guard} */\n"


def _numbers(values: np.ndarray) -> str:
    return ",\n".join(",".join(map(str, values[begin : begin + 32])) for begin in range(0, len(values), 32))


def _with_headroom(arena: int) -> int:
    return -(-int(arena * HEADROOM) // 1024) * 1024


def _float(value: float | None) -> str:
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def quoted(label: str) -> str:
    """A string as C source."""
    escaped = label.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
