"""Streaming inference: resampling, windows, VAD, classification and smoothing of samples as they arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import soxr

from aersut.audio_input import checked_array, checked_rate
from aersut.board import BoardModel, BoardStream, stride
from aersut.contracts import Framing
from aersut.data.audio import CLIPPED, FULL_SCALE, OPPOSITE, Downmix, joined, to_float, to_int16
from aersut.errors import UserError
from aersut.serving.prediction import Prediction, Smoothing, by_label
from aersut.serving.vad import SILENT, frames_contain_speech, frames_level, is_speech, no_speech, window_levels

if TYPE_CHECKING:
    from jaxtyping import Float, Int16, Shaped


HOP = 0.5
"""Default hop: seconds from the start of one window to the start of the next."""
QUIET_WINDOWS = 20
"""Windows without speech after which a stream warns that it is too quiet: ten seconds."""
CLIPPING_MEMORY = 20
"""Seconds after which the samples that a stream's warning of clipping is based on count half."""
NARROW = (
    "is sampled at {rate} Hz and has no content above {highest} Hz, but the classifier was trained on audio at {model} "
    "Hz, so its predictions are unreliable"
)
CLIPPING = f"is clipped: {CLIPPED:.1%} or more of its samples are at full scale"
BOARD_SMOOTHING = 3
"""Number of latest windows whose probabilities a board averages: `smoothing` after aersut_init()."""


def bandwidth_warning(sample_rate: int, model_rate: int) -> str:
    """Return a warning for audio with at most half the bandwidth of the training data, otherwise ""."""
    if sample_rate > model_rate / 2:
        return ""
    return NARROW.format(rate=f"{sample_rate:,}", highest=f"{sample_rate // 2:,}", model=f"{model_rate:,}")


def clipping_warning(fraction: float) -> str:
    """Return a warning for audio with a fraction of clipped samples from `CLIPPED`, otherwise ""."""
    return CLIPPING if fraction >= CLIPPED else ""


class Resampler:
    """Resample a stream block by block; the concatenated output equals that of `aersut.data.audio.resample`.

    The filter delays the output by about 20 ms at 48 kHz, and 100 ms at 8 kHz.

    Raises:
        UserError: the sample rate is out of range or no whole number.
    """

    def __init__(self, sample_rate: int, to: int) -> None:
        sample_rate = checked_rate(sample_rate)
        self._stream = None if sample_rate == to else soxr.ResampleStream(sample_rate, to, 1, dtype="float32")

    def push(self, samples: Shaped[np.ndarray, " samples"], last: bool = False) -> Float[np.ndarray, " resampled"]:
        """Add samples, int16 or floats in [-1, 1]; `last` drains the filter.

        Raises:
            UserError: a sample is NaN or infinite.
        """
        values = to_float(samples) if samples.dtype == np.int16 else samples.astype(np.float32, copy=False)
        if not np.isfinite(values).all():
            raise UserError("the stream contains samples that are not finite (NaN or infinity).")
        return values if self._stream is None else self._stream.resample_chunk(values, last=last)


class Stream:
    """Predictions for the windows of a stream of samples; `Recognizer.stream` creates it.

    Attributes:
        windows: how many windows are complete, silent ones included.
        least: what the shortest stream with a window fills, for messages.
        remedy: for a shorter file, for messages.
    """

    least = "one frame"
    remedy = ""

    def __init__(
        self,
        classify: Callable[[Any], Float[np.ndarray, " classes"]],
        labels: tuple[str, ...],
        framing: Framing,
        sample_rate: int | None,
        hop: float,
        smoothing: float,
        vad_threshold: float | None,
        min_confidence: float = 0.0,
    ) -> None:
        if not 0 < hop <= framing.seconds:
            raise UserError(f"hop is {hop} s: expected more than 0 s, and at most the window of {framing.seconds} s.")
        if not smoothing >= 0:
            raise UserError(f"smoothing is {smoothing} s: expected 0 or more.")
        if vad_threshold is not None and not vad_threshold <= 0:
            raise UserError(f"vad_threshold is {vad_threshold} dBFS: expected at most 0, or None.")
        self.windows = 0
        self._classify, self._labels, self._framing, self._vad_threshold = classify, labels, framing, vad_threshold
        self._min_confidence = min_confidence
        self._hop = max(1, round(hop * framing.sample_rate))
        self._smoothing = Smoothing(smoothing)
        self._rate = framing.sample_rate if sample_rate is None else sample_rate
        self._resampler = Resampler(self._rate, framing.sample_rate)
        self._buffer = np.zeros(0, np.int16)  # starts at the next window
        self._downmix = Downmix()
        self._bandwidth = bandwidth_warning(self._rate, framing.sample_rate)
        self._note = ""
        self._samples = self._clipped = 0
        self._loudest, self._contains_speech = SILENT, False
        self._ended = False

    def push(
        self, samples: Shaped[np.ndarray, " samples"] | Shaped[np.ndarray, "samples channels"]
    ) -> list[Prediction]:
        """Add samples, int16 or floats in [-1, 1]; return predictions for the windows that they complete.

        Channels are averaged (`aersut.data.audio.Downmix`). The samples are copied, so their buffer may be reused.

        Raises:
            UserError: the samples are no array, of another type or shape, not in [-1, 1], NaN or infinite; the stream
                has ended.
        """
        block = checked_array(samples)
        self._check_open()
        if not block.size:
            return []
        mono = self._downmix(block)
        return self.push_mono(mono, OPPOSITE if self._downmix.cancelled else "")

    def push_mono(self, samples: Float[np.ndarray, " samples"], note: str = "") -> list[Prediction]:
        """`push` for checked samples of one channel; `note` becomes a warning of the predictions."""
        self._check_open()
        self._note = note
        if self._samples > CLIPPING_MEMORY * self._rate:
            self._samples, self._clipped = self._samples // 2, self._clipped // 2
        self._samples += len(samples)
        self._clipped += int(np.count_nonzero(np.abs(samples) >= FULL_SCALE))
        return self._complete(self._resampler.push(samples))

    def finish(self) -> list[Prediction]:
        """End the stream; samples that no window has covered yet form a last, shorter window."""
        self._check_open()
        self._ended = True
        predictions = self._complete(self._resampler.push(np.zeros(0, np.float32), last=True))
        covered = self._framing.samples - self._hop if self.windows else self._framing.frame_length - 1
        if len(self._buffer) > covered:
            predictions.append(self._predict(self._buffer))
        self._buffer = self._buffer[:0]
        return predictions

    def _check_open(self) -> None:
        if self._ended:
            raise UserError("the stream has ended: begin another one with recognizer.stream(…).")

    def _complete(self, samples: Float[np.ndarray, " samples"]) -> list[Prediction]:
        self._buffer = np.concatenate([self._buffer, to_int16(samples)])
        predictions = []
        while len(self._buffer) >= self._framing.samples:
            predictions.append(self._predict(self._buffer[: self._framing.samples]))
            self._buffer = self._buffer[self._hop :]
        return predictions

    def _predict(self, window: Int16[np.ndarray, " samples"]) -> Prediction:
        rate = self._framing.sample_rate
        start = self.windows * self._hop / rate
        loud, quiet = window_levels(to_float(window), rate)
        speech = is_speech(loud, quiet, self._vad_threshold)
        return self._prediction(start, start + len(window) / rate, window, speech, loud)

    def _prediction(self, start: float, end: float, window: Any, speech: bool, level: float) -> Prediction:
        self.windows += 1
        self._loudest, self._contains_speech = max(level, self._loudest), speech or self._contains_speech
        silence = self.silence_warning if self.windows == QUIET_WINDOWS else ""
        warning = joined(self._note, self._bandwidth, clipping_warning(self._clipped / max(1, self._samples)), silence)
        if not speech:
            return Prediction(start, end, warning=warning)
        probabilities = by_label(self._labels, self._smoothing(end, self._classify(window)))
        return Prediction(start, end, probabilities, self._min_confidence, warning)

    @property
    def silence_warning(self) -> str:
        """Why no window so far contains speech, or ""."""
        if self._contains_speech or self._vad_threshold is None or not self.windows:
            return ""
        return no_speech(self._loudest, self._vad_threshold)


class FrameStream(Stream):
    """Predictions for the windows of a stream as a board prints them: its windows consist of whole frames.

    The last samples of a stream, and a stream shorter than a window, get no prediction.

    Args:
        hop, smoothing: None: half a second, and the latest three windows, as after aersut_init().
    """

    remedy = "; classify it without --stream"

    def __init__(
        self,
        model: BoardModel,
        sample_rate: int | None,
        hop: float | None,
        smoothing: float | None,
        vad_threshold: float | None,
        min_confidence: float,
    ) -> None:
        framing = model.framing
        self._frame = framing.hop_length / framing.sample_rate  # in seconds, from one to the next
        frames = stride(framing) if hop is None else max(1, round(hop / self._frame))
        hop = frames * self._frame
        if smoothing is None:
            smoothing = (BOARD_SMOOTHING - 0.5) * hop  # half a hop less, because times are rounded
        super().__init__(
            model.classify, model.labels, framing, sample_rate, hop, smoothing, vad_threshold, min_confidence
        )
        self._frames = BoardStream(model, frames)
        self.least = f"one window of {framing.seconds:g} s"

    def finish(self) -> list[Prediction]:
        """End the stream."""
        self._check_open()
        self._ended = True
        return self._complete(self._resampler.push(np.zeros(0, np.float32), last=True))

    def _complete(self, samples: Float[np.ndarray, " samples"]) -> list[Prediction]:
        predictions = []
        for window in self._frames.push(to_int16(samples)):
            start = window.begin * self._frame
            speech = frames_contain_speech(window.powers, self._vad_threshold)
            level = frames_level(window.powers)
            predictions.append(self._prediction(start, start + self._framing.seconds, window, speech, level))
        return predictions
