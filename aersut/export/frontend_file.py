"""The two float32 files of a stream: the audio frontend of one frame, and the features that need several frames."""

import copy
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Int16

from aersut.bundle_files import FRONTEND
from aersut.errors import UserError
from aersut.export.convert import convert_features, to_tflite
from aersut.export.frame_signal import FrameSignal, MatrixFrameSignal
from aersut.export.streaming import StreamingFrontend
from aersut.features.frontend import Frontend, to_float
from aersut.registry import FEATURES
from aersut.tflite.file import TFLiteFile
from aersut.tflite.graph import Graph
from aersut.tflite.micro import run_tflm

MOST = 10
"""The largest number of inputs of CONCATENATION in TensorFlow Lite Micro."""


def frontend_file(stream: StreamingFrontend) -> TFLiteFile:
    """Convert the frontend of one frame: samples i16[1, 1 + frame_length] to scaled features f32[1, channels].

    The first sample is the one before the frame; only pre-emphasis reads it. If a feature is recursive, the state
    f32[1, size] is a second input, zero before the first frame, and the next state is a second output. The file has run
    in TensorFlow Lite Micro, so that interpreter has all its operators.

    Raises:
        UserError: TensorFlow Lite Micro lacks an operator of a feature; the message names both.
    """
    frames = stream.frames
    file = convert_features(frames.features, lambda features: _convert(frames.only(features), FRONTEND))
    silence = np.zeros((1, 1 + frames.framing.frame_length), np.int16)
    try:
        run_tflm(file, silence)
    except UserError:
        for feature in frames.features:
            alone = _convert(frames.only((feature,)), f"feature '{FEATURES.name_of(feature)}'")
            try:
                run_tflm(alone, silence)
            except UserError as error:
                raise UserError(f"{error} Train without it, or use waveform_*.tflite in LiteRT.") from None
        raise
    return file


def fft_frontend_file(stream: StreamingFrontend) -> TFLiteFile | None:
    """Convert the frontend of one frame with the operator RFFT2D, for the C library.

    None if the frame length is not a power of two, or no feature needs a Fourier transform.
    """
    if stream.frames.framing.frame_length.bit_count() != 1:
        return None
    file = _convert(stream.frames, "the frontend of the C library", FrameSignal)
    return file if "RFFT2D" in file.operators else None


def window_file(stream: StreamingFrontend) -> TFLiteFile:
    """Convert `StreamingFrontend.window`: f32[1, frames, some] of one window's frames to the network's input."""
    shape = (1, *stream.frames.shape)
    file = to_tflite(lambda rows: stream.window(rows[0])[None], [shape], name="the file of a window's frames")
    return file.edited(_shorten_concatenations)


def _convert(frames: Frontend, name: str, kind: type[FrameSignal] = MatrixFrameSignal) -> TFLiteFile:
    shape = (1, 1 + frames.framing.frame_length)

    def one(
        samples: Int16[Array, "1 one_and_frame_length"], state: Float[Array, "1 size"] | None = None
    ) -> tuple[Float[Array, "1 channels"], Float[Array, "1 size"]]:
        before = None if state is None else state[0]
        frame = kind(to_float(samples[0]), frames.framing, before)
        return frames.standardized(frame.concatenated(frames.features)), frame.next_state[None]

    size = jax.eval_shape(one, np.zeros(shape, np.int16))[1].shape[1]
    if size:
        file = to_tflite(one, [shape, (1, size)], "int16", name)
    else:
        file = to_tflite(lambda samples: one(samples)[0], [shape], "int16", name)
    return file.edited(_shorten_concatenations)


def _shorten_concatenations(model: Any) -> None:
    # TensorFlow's converter merges nested concatenations, so they cannot be kept short in JAX
    graph, operators = Graph(model), []
    for operator in graph.operators:
        while graph.name(operator) == "CONCATENATION" and len(operator.inputs) > MOST:
            first, axis = operator.inputs[:MOST], operator.builtinOptions.axis
            shape = list(graph.shape(first[0]))
            shape[axis] = sum(graph.shape(index)[axis] for index in first)
            shorter = copy.copy(operator)
            shorter.inputs, shorter.outputs = first, [graph.add_tensor("part", shape, "float32")]
            operators.append(shorter)
            operator.inputs = [*shorter.outputs, *operator.inputs[MOST:]]
        operators.append(operator)
    graph.graph.operators = operators
