"""C source that both kinds of firmware have: the numbers of the models, labels and test vectors."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int8, Int16, Shaped

from aersut.contracts import Framing
from aersut.tflite.file import TFLiteFile
from aersut.tflite.micro import run_tflm

FRAMES, WINDOWS = 4, 2
"""Number of test vectors of the frontend and of the classifier."""
MODEL_API = 1
"""What aersut.h requires of the generated files; to be raised in both with each change that older files do not fit."""


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

    @cached_property
    def silent(self) -> Int8[np.ndarray, " channels"]:
        """The features of a frame of zeros, in TensorFlow Lite Micro."""
        silence = np.zeros((1, 1 + self.framing.frame_length), np.int16)
        return run_tflm(self.frontend, silence).outputs.reshape(-1)

    @cached_property
    def test_vectors(self) -> tuple[Int8[np.ndarray, "some channels"], Int8[np.ndarray, "some classes"]]:
        """The features and probabilities of the first test inputs, in TensorFlow Lite Micro."""
        frames = run_tflm(self.frontend, self.samples[:FRAMES]).outputs
        return frames, run_tflm(self.classifier, self.windows[:WINDOWS]).outputs

    @property
    def comment(self) -> str:
        """The first comment of generated files: origin, and the licences that come with weights and test vectors."""
        return f"""\
{self.source}.
 * Weights and test vectors come from these corpora, whose licences may limit their use:
 * {self.licences}."""


def model_header(pipeline: Pipeline, numbers: Sequence[tuple[str, object, str]], declarations: str) -> str:
    """The text of aersut_model.h: what aersut.c needs to know about the models, then `declarations`.

    Args:
        numbers: name, value and comment of further definitions.
    """
    return f"""\
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

{_definitions(pipeline, *numbers)}
extern const char aersut_model_id[]; /* a sentence with the version of AERSUT, the run and the epoch */
extern const char *const aersut_labels[AERSUT_CLASSES];
extern const int8_t aersut_silent_frame[AERSUT_CHANNELS]; /* features of a frame of zeros */

{declarations}

#ifdef __cplusplus
}}
#endif
"""


def constants(pipeline: Pipeline) -> str:
    """The definitions of the model's origin, of the labels and of the features of silence."""
    return f"""\
const char aersut_model_id[] = {quoted(pipeline.source)};

const char *const aersut_labels[AERSUT_CLASSES] = {{{", ".join(map(quoted, pipeline.labels))}}};

const int8_t aersut_silent_frame[AERSUT_CHANNELS] = {{{", ".join(map(str, pipeline.silent))}}};
"""


def _definitions(pipeline: Pipeline, *more: tuple[str, object, str]) -> str:
    framing = pipeline.framing
    [window], [output] = pipeline.classifier.inputs, pipeline.classifier.outputs
    before = framing.frame_length // 2 if framing.center else 0
    numbers: list[tuple[str, object, str]] = [
        ("MODEL_API", MODEL_API, "of the library that this file is for"),
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
    if pipeline.trim_db is not None:
        ratio = f"{10 ** (-pipeline.trim_db / 10):.9e}f"  # C++ before 2017 has no hexadecimal floats
        about = f"silence is {pipeline.trim_db:g} dB below the loudest frame: the ratio of powers"
        numbers.append(("TRIM", ratio, about))
    lines = [
        f"#define AERSUT_{name} {f'({value})' if str(value).startswith('-') else value}{about and f'  /* {about} */'}"
        for name, value, about in numbers
    ]
    lines += [
        "",
        "/* Emotions in the order of the output: aersut_labels has their names, and result.emotion is one of these. */",
    ]
    lines += [f"#define AERSUT_{name} {index}" for name, index in emotion_constants(pipeline.labels)]
    return "\n".join(lines) + "\n"


def emotion_constants(labels: Sequence[str]) -> list[tuple[str, int]]:
    """Names of constants, and indices; all names end in the index if some would be equal."""
    names = [f"EMOTION_{re.sub(r'[^A-Z0-9]+', '_', label.upper())}" for label in labels]
    unique = len(set(names)) == len(names)
    return [(name if unique else f"{name}_{index}", index) for index, name in enumerate(names)]


def test_vectors(pipeline: Pipeline) -> str:
    """A header with inputs of both models and their outputs in TensorFlow Lite Micro."""
    samples, windows = pipeline.samples[:FRAMES], pipeline.windows[:WINDOWS]
    frames, probabilities = pipeline.test_vectors
    tables = [
        ("int16_t", "samples", samples),
        ("int8_t", "frames", frames),
        ("int8_t", "windows", windows.reshape(len(windows), -1)),
        ("int8_t", "probabilities", probabilities),
    ]
    arrays = "\n\n".join(
        f"static const {kind} aersut_test_{name}[{len(rows)}][{rows.shape[1]}] = {{\n"
        + ",\n".join(f"{{{integers(row)}}}" for row in rows)
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


def guarded(name: str, comment: str, text: str) -> str:
    """A header file with an include guard after its first comment."""
    guard = f"AERSUT_{name.replace('.', '_').upper()}_"
    return f"/* {comment} */\n#ifndef {guard}\n#define {guard}\n\n{text}\n#endif  /* {guard} */\n"


def integers(values: Shaped[np.ndarray, " values"]) -> str:
    """Integers as C source, 32 in a line."""
    return ",\n".join(",".join(map(str, values[begin : begin + 32])) for begin in range(0, len(values), 32))


def _float(value: float | None) -> str:
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def quoted(label: str) -> str:
    """A string as C source."""
    escaped = label.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
