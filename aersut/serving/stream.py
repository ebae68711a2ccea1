"""Sound as it arrives, cut into windows that are judged one by one."""

from collections.abc import Callable

import numpy as np
import soxr
from jaxtyping import Float, Int16, Shaped

from aersut.contracts import Framing
from aersut.data.audio import to_int16
from aersut.errors import UserError
from aersut.serving.prediction import Prediction, Smoothing, named
from aersut.serving.voice import speaks

HOP = 0.5
"""Seconds from one window to the next, unless told otherwise."""

Judge = Callable[[Int16[np.ndarray, " samples"]], Float[np.ndarray, " classes"]]


def narrow(sample_rate: int, wanted: int) -> str:
    """What to say of sound that was sampled so slowly that half of what the network listens to is missing, or ""."""
    if sample_rate > wanted / 2:
        return ""
    return (
        f"is sampled at {sample_rate:,} Hz: nothing is in it above {sample_rate // 2:,} Hz, while the network "
        f"has learnt from {wanted:,} Hz. Do not trust what it hears."
    )


class Resampler:
    """Samples to another rate, piece by piece; all together they are what `aersut.data.audio.resample` gives.

    It hands on what comes out of its filter, which is some 20 ms later at 48 kHz, 100 ms at 8 kHz.

    Attributes:
        sample_rate: of what comes in, in Hz.
    """

    def __init__(self, sample_rate: int, to: int) -> None:
        if not 1000 <= sample_rate <= 768_000:
            raise UserError(f"a sample rate of {sample_rate} Hz is none of sound: expected 1,000 to 768,000.")
        self.sample_rate = sample_rate
        self._stream = None if sample_rate == to else soxr.ResampleStream(sample_rate, to, 1, dtype="float32")

    def push(self, samples: Shaped[np.ndarray, " samples"], last: bool = False) -> Float[np.ndarray, " resampled"]:
        """Take in samples, int16 or floats in [-1, 1]; `last` drains the filter.

        Raises:
            UserError: they are no numbers.
        """
        values = (
            samples * np.float32(1 / 32768) if samples.dtype == np.int16 else samples.astype(np.float32, copy=False)
        )
        if not np.isfinite(values).all():
            raise UserError("the stream holds samples that are no numbers (NaN or infinity).")
        return values if self._stream is None else self._stream.resample_chunk(values, last=last)


class Stream:
    """Windows of a stream of samples; made by `Recognizer.stream`.

    Attributes:
        windows: how many have been judged, silent ones too.
    """

    def __init__(
        self,
        judge: Judge,
        labels: tuple[str, ...],
        framing: Framing,
        sample_rate: int | None,
        hop: float,
        smoothing: float,
        gate: float | None,
    ) -> None:
        if not 0 < hop <= framing.seconds:
            raise UserError(
                f"hop is {hop} s: expected more than 0, and no more than the window of {framing.seconds} s."
            )
        if not smoothing >= 0:
            raise UserError(f"smoothing is {smoothing} s: expected 0 or more.")
        self.windows = 0
        self._judge, self._labels, self._framing, self._gate = judge, labels, framing, gate
        self._hop = max(1, round(hop * framing.sample_rate))
        self._smoothing = Smoothing(smoothing)
        self._resampler = Resampler(sample_rate or framing.sample_rate, framing.sample_rate)
        self._kept = np.zeros(0, np.int16)  # from where the next window begins

    def push(self, samples: Shaped[np.ndarray, " samples"]) -> list[Prediction]:
        """Take in mono samples, int16 or floats in [-1, 1]; return the windows that they complete, most often none.

        Raises:
            UserError: they are no numbers.
        """
        return self._complete(self._resampler.push(samples))

    def finish(self) -> list[Prediction]:
        """End the stream: what no window has covered yet is judged as a last, shorter one."""
        predictions = self._complete(self._resampler.push(np.zeros(0, np.float32), last=True))
        known = self._framing.samples - self._hop if self.windows else self._framing.frame_length - 1
        if len(self._kept) > known:
            predictions.append(self._predict(self._kept))
        self._kept = self._kept[:0]
        return predictions

    def _complete(self, samples: Float[np.ndarray, " samples"]) -> list[Prediction]:
        self._kept = np.concatenate([self._kept, to_int16(samples)])
        predictions = []
        while len(self._kept) >= self._framing.samples:
            predictions.append(self._predict(self._kept[: self._framing.samples]))
            self._kept = self._kept[self._hop :]
        return predictions

    def _predict(self, window: Int16[np.ndarray, " samples"]) -> Prediction:
        rate = self._framing.sample_rate
        start = self.windows * self._hop / rate
        end = start + len(window) / rate
        self.windows += 1
        if not speaks(window * np.float32(1 / 32768), rate, self._gate):
            return Prediction(start, end)
        return Prediction(start, end, named(self._labels, self._smoothing(end, self._judge(window))))
