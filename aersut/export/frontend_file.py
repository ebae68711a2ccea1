"""The two files of a stream, in float32: the frontend of one frame, and what looks along time, of a ring of frames."""

import copy

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int16

from aersut.contracts import Feature
from aersut.errors import UserError
from aersut.export.blame import each_convertible
from aersut.export.bridge import to_tflite
from aersut.export.flatbuffer import pack, unpack
from aersut.export.graph import Graph
from aersut.export.products import Frame, beside
from aersut.export.stream import Stream
from aersut.export.tflm import run_tflm
from aersut.features.frontend import Frontend
from aersut.registry import FEATURES

MOST = 10
"""Inputs that TensorFlow Lite Micro's CONCATENATION takes."""


def frontend_file(stream: Stream) -> bytes:
    """A .tflite file of i16[1, 1 + frame_length] samples to one scaled frame f32[1, channels].

    The first sample is the one before the frame; only pre-emphasis makes use of it. The file is made of operators that
    TensorFlow Lite Micro has: it has run there.

    Raises:
        UserError: TensorFlow Lite Micro lacks an operator that a feature is made of; it is named.
    """
    frames = stream.frames
    file = each_convertible(frames.features, lambda features: _convert(frames.only(features)))
    silence = np.zeros((1, 1, 1 + frames.framing.frame_length), np.int16)
    try:
        run_tflm(file, silence, "frontend.tflite")
    except UserError:
        for feature in frames.features:
            _refuse_alone(feature, frames, silence)
        raise
    return file


def window_file(stream: Stream) -> bytes:
    """A .tflite file of the frames of one window, f32[1, frames, some], to what the network reads."""
    shape = (1, *stream.frames.shape)
    return _with_short_concatenations(to_tflite(lambda rows: stream.window(rows[0])[None], [shape]))


def _convert(frames: Frontend) -> bytes:
    def one(samples: Int16[Array, "1 one_and_frame_length"]) -> Float[Array, "1 channels"]:
        frame = Frame(samples[0].astype(jnp.float32) / 32768, frames.framing)
        return frames.scaled(beside(frame, frames.features))

    return _with_short_concatenations(to_tflite(one, [(1, 1 + frames.framing.frame_length)], "int16"))


def _refuse_alone(feature: Feature, frames: Frontend, silence: Int16[np.ndarray, "1 1 samples"]) -> None:
    try:
        run_tflm(_convert(frames.only((feature,))), silence, f"feature '{FEATURES.name_of(feature)}'")
    except UserError as error:
        raise UserError(f"{error} Train without it, or use waveform_*.tflite in LiteRT.") from None


def _with_short_concatenations(file: bytes) -> bytes:
    # TensorFlow's converter merges nested concatenations, so that nothing in JAX keeps them short
    model = unpack(file)
    graph, operators = Graph(model), []
    for operator in graph.operators:
        while graph.name(operator) == "CONCATENATION" and len(operator.inputs) > MOST:
            first, axis = operator.inputs[:MOST], operator.builtinOptions.axis
            shape = list(graph.shape(first[0]))
            shape[axis] = sum(graph.shape(place)[axis] for place in first)
            part = copy.copy(operator)
            part.inputs, part.outputs = first, [graph.add_tensor("part", shape, "float32")]
            operators.append(part)
            operator.inputs = [*part.outputs, *operator.inputs[MOST:]]
        operators.append(operator)
    graph.graph.operators = operators
    return pack(model)
