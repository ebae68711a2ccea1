"""The exported models of a microcontroller on whole recordings: frontend.tflite, ring buffer, int8 classifier."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int16

from aersut.contracts import Framing
from aersut.data.audio import to_int16
from aersut.errors import UserError
from aersut.tflite.file import TFLiteFile
from aersut.tflite.litert import LiteRTModel, LiteRTSequence

CLASSIFIERS = ("ring_int8.tflite", "model_int8.tflite")
"""The classifier of a stream: the first of these files beside frontend.tflite."""
OFFSET_WEIGHT = 2.0**-13
"""Weight of a sample in the running mean that the firmware subtracts."""


class StreamedModel:
    """Class probabilities of recordings as the firmware's loop computes them, in LiteRT.

    A running mean removes the DC offset. The samples go through frontend.tflite frame by frame, from a state of zeros.
    The classifier runs on the ring buffer when it is full for the first time, then every half second, as in
    aersut.c. The result is the mean of these probabilities. Silence is not trimmed, and a recording shorter than
    the ring buffer is followed by zeros.

    Several threads may call it.

    Attributes:
        framing: of the run.
    """

    def __init__(self, frontend: Path, framing: Framing, classes: int) -> None:
        """Load frontend.tflite and the classifier beside it.

        Raises:
            UserError: a file is missing, damaged or does not fit the run.
        """
        beside = [frontend.with_name(name) for name in CLASSIFIERS]
        found = next((file for file in beside if file.exists()), None)
        if found is None:
            raise UserError(f"{frontend} has no {' or '.join(CLASSIFIERS)} beside it; export the run again.")
        self._frontend, self._classifier = TFLiteFile.read(frontend), TFLiteFile.read(found)
        self.framing = framing
        [window], [output] = self._classifier.inputs, self._classifier.outputs
        frame, row = self._frontend.inputs[0].shape, self._frontend.outputs[0].shape
        expected = (1, 1 + framing.frame_length), (1, framing.frames, row[-1]), (1, classes)
        if (frame, window.shape, output.shape) != expected:
            raise UserError(f"{frontend} and {found.name} do not fit this run; choose files exported from it.")
        self._models = threading.local()  # an interpreter is for one thread at a time

    def __call__(self, recordings: Sequence[Float[np.ndarray, " samples"]]) -> Float[np.ndarray, "clips classes"]:
        """The mean probabilities of each recording, samples in [-1, 1] at the sample rate of the run."""
        return np.stack([self._of_windows(to_int16(samples)) for samples in recordings])

    def _of_windows(self, samples: Int16[np.ndarray, " samples"]) -> Float[np.ndarray, " classes"]:
        frontend, classifier = self._interpreters()
        framing = self.framing
        rows = frontend(frames_of(without_offset(samples), framing))
        ends = range(framing.frames, len(rows) + 1, stride(framing))
        outputs = [classifier.invoke(rows[None, end - framing.frames : end])[0] for end in ends]
        return np.asarray(self._classifier.outputs[0].dequantize(np.stack(outputs)).mean(axis=0))

    def _interpreters(self) -> tuple[LiteRTSequence, LiteRTModel]:
        if not hasattr(self._models, "both"):
            self._models.both = LiteRTSequence(self._frontend), LiteRTModel(self._classifier)
        both: tuple[LiteRTSequence, LiteRTModel] = self._models.both
        return both


def stride(framing: Framing) -> int:
    """Frames from one window to the next on a board: half a second, as in aersut.h."""
    return max(1, framing.sample_rate // framing.hop_length // 2)


def without_offset(samples: Int16[np.ndarray, " samples"]) -> Int16[np.ndarray, " samples"]:
    """Samples minus their running mean, as without_offset() in aersut.c, except for its rounding."""
    import scipy.signal  # deferred: it takes most of the import time of an evaluation's modules

    if not len(samples):
        return samples
    first = float(samples[0])
    mean = first + scipy.signal.lfilter([OFFSET_WEIGHT], [1, OFFSET_WEIGHT - 1], samples - first)
    return np.clip(np.rint(samples - mean), -32768, 32767).astype(np.int16)


def frames_of(
    samples: Int16[np.ndarray, " samples"], framing: Framing
) -> Int16[np.ndarray, "frames one_and_frame_length"]:
    """The inputs of frontend.tflite for a recording: the samples of each frame, preceded by the sample before it.

    Frames are cut as in the firmware; zeros precede the recording, and follow it until one window is full.
    """
    before = 1 + (framing.frame_length // 2 if framing.center else 0)
    length = 1 + framing.frame_length
    least = (framing.frames - 1) * framing.hop_length + length
    padded = np.pad(samples, (before, max(0, least - before - len(samples))))
    return np.lib.stride_tricks.sliding_window_view(padded, length)[:: framing.hop_length]
