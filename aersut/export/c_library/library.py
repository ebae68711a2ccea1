"""The files of the C library: sources that are the same for all models, and those that are generated."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aersut
from aersut.export.c_library.function import CFunction
from aersut.export.c_library.operators import translate
from aersut.export.c_source import Pipeline, constants, guarded, model_header, test_vectors

SOURCES = Path(__file__).parent / "sources"
"""Files that are copied; words like @VERSION@ in them are replaced."""
TEXTS = (
    ".c",
    ".h",
    ".ino",
    ".md",
    ".txt",
    ".yml",
    ".json",
    ".properties",
    ".conf",
    ".defaults",
    "Kconfig",
    "LICENSE",
    "Makefile",
)


@dataclass(frozen=True)
class CLibrary:
    """The files of a library by path, and the functions in `src/aersut_model.c`."""

    files: Mapping[str, str]
    frontend: CFunction
    classifier: CFunction

    @property
    def arena(self) -> int:
        """Bytes of memory for the intermediate results; frontend and classifier share them."""
        return max(self.frontend.arena, self.classifier.arena)


def c_library(pipeline: Pipeline) -> CLibrary:
    """Translate both models, and collect the files of the library.

    Raises:
        UntranslatableError: a model has an operator, a type or a shape that the library lacks.
    """
    frontend = translate(pipeline.fft or pipeline.frontend, "aersut_run_frontend")
    classifier = translate(pipeline.classifier, "aersut_run_classifier", window=True)
    library = CLibrary({}, frontend, classifier)
    generated = {
        "src/aersut_model.h": guarded("aersut_model.h", pipeline.comment, _header(pipeline, library)),
        "src/aersut_model.c": _model(pipeline, library),
        "src/aersut_vectors.h": guarded("aersut_vectors.h", pipeline.comment, test_vectors(pipeline)),
    }
    return CLibrary(_copied(pipeline) | generated, frontend, classifier)


def _copied(pipeline: Pipeline) -> dict[str, str]:
    version = re.match(r"[0-9]+(\.[0-9]+)*", aersut.__version__)
    assert version
    words = {
        "@VERSION@": version[0],
        "@SAMPLE_RATE@": str(pipeline.framing.sample_rate),
        "@LICENCES@": pipeline.licences,
    }
    files = {}
    for path in sorted(SOURCES.rglob("*")):
        if path.name.endswith(TEXTS):
            text = path.read_text(encoding="utf-8")
            for word, value in words.items():
                text = text.replace(word, value)
            files[path.relative_to(SOURCES).as_posix()] = text
    return files


def _header(pipeline: Pipeline, library: CLibrary) -> str:
    numbers: list[tuple[str, object, str]] = [
        ("ARENA", library.arena, "bytes for intermediate results, of a frame or of a window"),
        ("WINDOW", library.classifier.window, "offset of the classifier's input in the arena"),
    ]
    declarations = f"""\
/* The two models; `arena` has AERSUT_ARENA bytes, aligned to 8. Most programs call the functions of aersut.h instead.
   The frontend reads the sample before a frame, then the frame. The classifier reads its input, the frames of a window,
   from arena + AERSUT_WINDOW. */
{library.frontend.declaration}
{library.classifier.declaration}"""
    return model_header(pipeline, numbers, declarations)


def _model(pipeline: Pipeline, library: CLibrary) -> str:
    return f"""\
/* {pipeline.comment} */
#include "aersut_model.h"

#include "aersut_kernels.h"

{constants(pipeline)}
/* ---- frontend ---- */

{library.frontend.text}
/* ---- classifier ---- */

{library.classifier.text}"""
