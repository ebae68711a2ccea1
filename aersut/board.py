"""The stream of a board in Python, step by step as in src/aersut.c of the C library (export/c_library).

DC offset, frames, windows, removal of silence and classifier; voice activity detection is in `aersut.serving.vad`, as
only a stream has it. A change of one language belongs into the other: `tests/export/c_library/test_stream.py` compares
them.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aersut.bundle_files import CLASSIFIER, RING
from aersut.contracts import Framing
from aersut.errors import UserError
from aersut.levels import speech_frames
from aersut.tflite.file import TFLiteFile
from aersut.tflite.litert import LiteRTSequence
from aersut.tflite.micro import MicroSequence, micro_is_installed

if TYPE_CHECKING:
    from jaxtyping import Float, Int8, Int16, Shaped

    Interpreter = MicroSequence | LiteRTSequence

CLASSIFIERS = (RING, CLASSIFIER)
"""The classifier of a stream: the first of these files beside frontend.tflite."""
OFFSET_BITS, OFFSET_SAMPLES = 14, 8192
BLOCK = 1 << 17
"""Samples that a stream divides into frames at once: an hour would fill the memory."""


def stride(framing: Framing) -> int:
    """Frames from one window to the next on a board: half a second, as in aersut.h."""
    return max(1, framing.sample_rate // framing.hop_length // 2)


def click_frames(framing: Framing) -> int:
    """Frames in which a click of up to 0.1 s is, as in aersut.c."""
    return framing.sample_rate // framing.hop_length // 10 + 1


def frames_of(
    samples: Int16[np.ndarray, " samples"], framing: Framing
) -> Int16[np.ndarray, "frames one_and_frame_length"]:
    """The inputs of frontend.tflite for a recording: the samples of each frame, preceded by the sample before it.

    Zeros precede the recording, and follow it until one window is full.
    """
    return _framer(framing).push(filled(samples, framing))


def filled(samples: Int16[np.ndarray, " samples"], framing: Framing) -> Int16[np.ndarray, " at_least_a_window"]:
    """A recording, followed by zeros if it is too short for one window."""
    least = (framing.frames - 1) * framing.hop_length + framing.frame_length - _padding(framing)
    return np.pad(samples, (0, max(0, least - len(samples))))


def read_pair(frontend: Path, *keys: str) -> tuple[TFLiteFile, TFLiteFile]:
    """Read frontend.tflite, whose metadata need `keys`, and the int8 classifier beside it.

    Raises:
        UserError: a file is missing or damaged, or `frontend` is no frontend.tflite of an export.
    """
    found = next((file for name in CLASSIFIERS if (file := frontend.with_name(name)).exists()), None)
    if found is None:
        raise UserError(f"{frontend} has no {' or '.join(CLASSIFIERS)} beside it; export the run again.")
    files = TFLiteFile.read(frontend), TFLiteFile.read(found)
    if missing := [key for key in keys if key not in (files[0].metadata or ())]:
        raise UserError(f"{frontend} is not the frontend.tflite of an export: its metadata have no {missing[0]}.")
    return files


class BoardModel:
    """The two models of a board: frontend.tflite and the int8 classifier beside it.

    Several threads may call it.

    Attributes:
        labels: the emotions, in the order of the probabilities.
        framing: of the run.
        silent: the features of a frame of zeros, i8[channels].
    """

    def __init__(self, frontend: Path, micro: bool | None = None) -> None:
        """Load both files of an export.

        Args:
            micro: run them in TensorFlow Lite Micro, whose int8 kernels are the board's; otherwise in LiteRT, which
                takes a tenth of the time. None: where the package tflite-micro is installed.

        Raises:
            UserError: a file is missing, damaged, or not of an export.
        """
        self._frontend, self._classifier = read_pair(frontend, "framing", "labels", "trim_db", "fit")
        tree = self._frontend.metadata
        self.labels, self.framing = tuple(tree["labels"]), Framing(**tree["framing"])
        [window], [output] = self._classifier.inputs, self._classifier.outputs
        frame, row = self._frontend.inputs[0].shape, self._frontend.outputs[0].shape
        expected = (1, 1 + self.framing.frame_length), (1, self.framing.frames, row[-1]), (1, len(self.labels))
        if (frame, window.shape, output.shape) != expected:
            raise UserError(
                f"{frontend} and {self._classifier.name} are of different runs: copy both from one export folder."
            )
        trims = tree["trim_db"] is not None and tree["fit"] == "start"
        self._trim = np.float32(10 ** (-tree["trim_db"] / 10)) if trims else None
        self._kind = MicroSequence if (micro_is_installed() if micro is None else micro) else LiteRTSequence
        self._models = threading.local()  # an interpreter is for one thread at a time
        self._interpreters()  # a file that cannot run is reported here
        self.silent = self.features(np.zeros((1, 1 + self.framing.frame_length), np.int16))[0][0]

    def features(
        self, inputs: Int16[np.ndarray, "frames one_and_frame_length"], state: list[np.ndarray] | None = None
    ) -> tuple[Int8[np.ndarray, "frames channels"], list[np.ndarray]]:
        """The features of consecutive frames and the state after them; `state` is the one before, None at the start."""
        return self._interpreters()[0](inputs, state)

    def classify(self, window: Window) -> Float[np.ndarray, " classes"]:
        """The probabilities of a window. As in training, silence at both ends is removed, and follows."""
        kept = window.frames[self._speech(window.powers)]
        rows = np.concatenate([kept, np.tile(self.silent, (len(window.frames) - len(kept), 1))])
        output = self._interpreters()[1](rows[None])[0][0]
        return np.asarray(self._classifier.outputs[0].dequantize(output), np.float32)

    def recording(self, samples: Int16[np.ndarray, " samples"]) -> Float[np.ndarray, " classes"]:
        """The mean probabilities of all windows of a recording, which zeros follow until one window is full."""
        windows = BoardStream(self).push(filled(samples, self.framing))
        return np.stack([self.classify(window) for window in windows]).mean(axis=0)

    def _speech(self, powers: Float[np.ndarray, " frames"]) -> slice:
        if self._trim is None:
            return slice(None)
        loud = speech_frames(powers, self._trim, click_frames(self.framing), neighbors=1)
        return slice(loud[0], loud[-1] + 1) if len(loud) else slice(-1, None)

    def _interpreters(self) -> tuple[Interpreter, Interpreter]:
        if not hasattr(self._models, "both"):
            self._models.both = self._kind(self._frontend), self._kind(self._classifier)
        both: tuple[Interpreter, Interpreter] = self._models.both
        return both


@dataclass(frozen=True)
class Window:
    """The latest frames of a stream when a window is complete.

    Attributes:
        begin: number of the first frame.
        frames: features.
        powers: variance of the samples of each frame, in squared int16 steps.
    """

    begin: int
    frames: Int8[np.ndarray, "frames channels"]
    powers: Float[np.ndarray, " frames"]


class BoardStream:
    """The windows of one stream of samples.

    Args:
        frames: from one window to the next; None: half a second.
    """

    def __init__(self, model: BoardModel, frames: int | None = None) -> None:
        framing, self._model = model.framing, model
        self._stride = frames or stride(framing)
        self._without_offset = _Offset()
        self._framer = _framer(framing)
        self._state: list[np.ndarray] | None = None
        channels = len(model.silent)
        self._rows = _Sliding(np.zeros((0, channels), np.int8), framing.frames, self._stride)
        self._powers = _Sliding(np.zeros(0, np.float32), framing.frames, self._stride)
        self._windows = 0

    def push(self, samples: Int16[np.ndarray, " samples"]) -> list[Window]:
        """Add samples at the sample rate of the run; return the windows that they complete."""
        blocks = (samples[begin : begin + BLOCK] for begin in range(0, len(samples), BLOCK))
        return [window for block in blocks for window in self._push(block)]

    def _push(self, samples: Int16[np.ndarray, " samples"]) -> list[Window]:
        inputs = self._framer.push(self._without_offset(samples))
        if not len(inputs):
            return []
        rows, self._state = self._model.features(inputs, self._state)
        pairs = zip(self._rows.push(rows), self._powers.push(_powers(inputs[:, 1:], self._model.framing)), strict=True)
        windows = [Window((self._windows + index) * self._stride, *pair) for index, pair in enumerate(pairs)]
        self._windows += len(windows)
        return windows


class _Offset:
    """Subtract the running mean of the samples, in the integer arithmetic of without_offset() in aersut.c."""

    def __init__(self) -> None:
        self._mean, self._seen = 0, 0

    def __call__(self, samples: Int16[np.ndarray, " samples"]) -> Int16[np.ndarray, " samples"]:
        means, mean, seen = [], self._mean, self._seen
        for sample in (samples.astype(np.int64) << OFFSET_BITS).tolist():
            seen = min(seen + 1, OFFSET_SAMPLES)
            difference = sample - mean
            mean += difference // seen if difference >= 0 else -(-difference // seen)
            means.append(mean)
        self._mean, self._seen = mean, seen
        offsets = np.trunc(np.array(means) / (1 << OFFSET_BITS)).astype(np.int64)
        return np.clip(samples - offsets, -32768, 32767).astype(np.int16)


class _Sliding:
    """Overlapping pieces of `length` items, every `hop` items, of an array that arrives in blocks after `start`."""

    def __init__(self, start: Shaped[np.ndarray, "items *shape"], length: int, hop: int) -> None:
        self._items, self._length, self._hop = start, length, hop
        self._begin = 0  # of the next piece; beyond the end where the hop is longer than a piece

    def push(self, items: Shaped[np.ndarray, "items *shape"]) -> Shaped[np.ndarray, "pieces length *shape"]:
        """Add items; return the pieces that they complete."""
        items = np.concatenate([self._items, items])
        count = max(0, 1 + (len(items) - self._begin - self._length) // self._hop)
        begins = self._begin + self._hop * np.arange(count)
        self._begin += count * self._hop
        self._items = items[self._begin :]
        self._begin -= len(items) - len(self._items)
        return items[begins[:, None] + np.arange(self._length)]


def _framer(framing: Framing) -> _Sliding:
    """Cuts samples into the inputs of frontend.tflite."""
    return _Sliding(np.zeros(1 + _padding(framing), np.int16), 1 + framing.frame_length, framing.hop_length)


def _padding(framing: Framing) -> int:
    return framing.frame_length // 2 if framing.center else 0


def _powers(frames: Int16[np.ndarray, "frames frame_length"], framing: Framing) -> Float[np.ndarray, " frames"]:
    """The variance of the middle of each frame, as long as the hop, so that each sample is measured once."""
    length = min(framing.hop_length, framing.frame_length)
    begin = (framing.frame_length - length) // 2
    x = frames[:, begin : begin + length].astype(np.int64)
    return (length * (x * x).sum(axis=1) - x.sum(axis=1) ** 2).astype(np.float32) / np.float32(length) ** 2
