"""What a microcontroller runs: the frontend frame by frame, the classifier of a ring of frames, and their firmware."""

from collections.abc import Mapping
from dataclasses import asdict, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Int8, Int16

from aersut.errors import UserError
from aersut.export.context import Context, origin
from aersut.export.firmware import FRAMES, WINDOWS, Board, firmware
from aersut.export.flatbuffer import Tensor, describe
from aersut.export.frontend_file import frontend_file, window_file
from aersut.export.join import joined, quantized_input, quantized_output
from aersut.export.ship import shipped
from aersut.export.stream import Stream, cut, divide
from aersut.export.tflm import run_tflm
from aersut.export.verify import judge, real
from aersut.features.frontend import Frontend

TOLERANCE = 1e-3
"""The largest difference of a scaled feature between the stream and the offline frontend on the same samples."""
COMPARED = 16
"""Test clips on which that is measured; the whole test part is classified."""
CLASSIFIER, RING = "model_int8.tflite", "ring_int8.tflite"


def boards(context: Context) -> Mapping[str, bytes]:
    """frontend.tflite and the firmware; verified on the whole test part, from samples to emotions.

    Raises:
        UserError: the stream is not the offline frontend, or it cannot be had and was asked for.
    """
    wanted = context.options.stream
    if wanted is False:
        return {}
    try:
        if not context.options.micro:
            raise UserError("TensorFlow Lite Micro was not asked (--export.micro=false).")
        stream = divide(context.trained.frontend, windows(context, context.calibration.items))
        float_file = frontend_file(stream)
    except UserError as error:
        if wanted:
            raise
        context.notes.append(f"frontend.tflite and the firmware are left out: {error}")
        return {}
    return _files(context, stream, float_file)


def windows(context: Context, items: Int[np.ndarray, "clips 2"]) -> Int16[np.ndarray, "clips samples"]:
    """The samples of clips, not augmented."""
    return np.stack([context.prepared.collection.window(clip) for clip, _ in items])


def _files(context: Context, stream: Stream, float_file: bytes) -> dict[str, bytes]:
    samples = windows(context, context.test.recordings.items)
    difference = _difference(stream, float_file, samples[:: max(1, len(samples) // COMPARED)])
    classifier = context.files[CLASSIFIER]
    to = describe(classifier).inputs[0]
    if not stream.plain:
        to = _quantization(stream, windows(context, context.calibration.items))
        classifier = quantized_input(joined(window_file(stream), classifier), to)
    frontend = quantized_output(float_file, to)

    frames = np.concatenate([cut(clip, stream.frames.framing) for clip in samples])
    ran = run_tflm(frontend, frames[:, None], "frontend.tflite", independent=False)
    ring = ran.outputs.reshape(len(samples), *stream.frames.shape)
    probabilities, arena = _classified(classifier, ring)
    judged = judge(probabilities, context.test.recordings.reference, context.test.recordings.labels)

    known = {**asdict(judged), "clips": len(samples)}
    context.about["stream"] = {**known, "files": ["frontend.tflite", CLASSIFIER if stream.plain else RING]}
    files = {
        "frontend.tflite": shipped(
            context, "frontend.tflite", "frontend", frontend, arena=ran.arena, feature_difference=difference
        )
    }
    if not stream.plain:
        files[RING] = shipped(context, RING, "classifier", classifier, arena=arena, **known)
    board = Board(
        framing=stream.frames.framing,
        labels=tuple(context.labels),
        frontend=frontend,
        classifier=classifier,
        arenas=(ran.arena, arena),
        source=f"AERSUT {origin(context)['aersut']}: {origin(context)['run']}, epoch {context.trained.epoch}",
        samples=_from_quiet_to_loud(frames),
        windows=ring[:: max(1, len(ring) // WINDOWS)][:WINDOWS],
    )
    return files | {name: text.encode() for name, text in firmware(board).items()}


def _difference(stream: Stream, float_file: bytes, samples: Int16[np.ndarray, "clips samples"]) -> float:
    frames = np.concatenate([cut(clip, stream.frames.framing) for clip in samples])
    rows = run_tflm(float_file, frames[:, None], "frontend.tflite", independent=False).outputs
    rows = rows.reshape(len(samples), *stream.frames.shape)
    found = rows if stream.plain else run_tflm(window_file(stream), rows[:, None], "the ring").outputs[:, 0]
    difference = float(np.abs(found - offline(stream.frontend, samples)).max())
    if not difference <= TOLERANCE:
        raise UserError(
            f"the frames of frontend.tflite differ from the features of training by {difference:.2g}, more than "
            f"{TOLERANCE}; nothing was exported. --export.stream=false does without it."
        )
    return difference


def offline(
    frontend: Frontend, samples: Int16[np.ndarray, "clips samples"]
) -> Float[np.ndarray, "clips frames channels"]:
    """The scaled features of windows between which there is silence, as a stream has it.

    Around the window of a clip there is nothing: nothing crosses zero there, and pre-emphasis does not see the last
    sample fall to silence. A stream has no such ends, so the silence with which frames are filled is part of it.
    """
    framing = frontend.framing
    if framing.center:
        samples = np.pad(samples, ((0, 0), (framing.frame_length // 2,) * 2))
        framing = replace(framing, center=False, seconds=samples.shape[1] / framing.sample_rate)
    whole = replace(frontend, framing=framing)
    return np.asarray(whole.scaled(jax.jit(whole.transformed)(jnp.asarray(samples, jnp.float32) / 32768)[1]))


def _quantization(stream: Stream, samples: Int16[np.ndarray, "clips samples"]) -> Tensor:
    values = offline(stream.frames, samples)
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    scale = (high - low) / 255 or 1.0
    return Tensor("frames", (1, *stream.frames.shape), "int8", scale, round(-128 - low / scale), constant=False)


def _classified(
    classifier: bytes, ring: Int8[np.ndarray, "clips frames channels"]
) -> tuple[Float[np.ndarray, "clips classes"], int]:
    [output] = describe(classifier).outputs
    ran = run_tflm(classifier, ring[:, None], "the classifier", independent=False)
    return real(ran.outputs[:, 0], output), ran.arena


def _from_quiet_to_loud(frames: Int16[np.ndarray, "frames samples"]) -> Int16[np.ndarray, "some samples"]:
    order = np.argsort(np.square(frames.astype(np.float64)).sum(1), kind="stable")
    return frames[order[np.linspace(len(order) // 4, len(order) - 1, FRAMES).astype(int)]]
