"""Frame-wise features that the monitor plots: waveform range, RMS, ZCR, mel spectrogram and MFCC. Plain numpy.

They are for display only; the classifier's features come from its exported audio frontend.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from aersut import matrices

BANDS = 40
COEFFICIENTS = 13
FLOOR = 1e-10  # as in aersut.features.signal.decibels


@dataclass(frozen=True)
class DisplayFrames:
    """Features of consecutive frames, one row per frame.

    Attributes:
        start: of the first frame, in seconds.
        hop: from one frame to the next, in seconds.
        low, high: minimum and maximum sample of each hop.
        rms: root mean square, 0 to 1.
        zcr: zero-crossing rate, 0 to 1.
        mel: mel band energies in dB.
        mfcc: mel-frequency cepstral coefficients of `mel`.
    """

    start: float
    hop: float
    low: Float[np.ndarray, " frames"]
    high: Float[np.ndarray, " frames"]
    rms: Float[np.ndarray, " frames"]
    zcr: Float[np.ndarray, " frames"]
    mel: Float[np.ndarray, "frames bands"]
    mfcc: Float[np.ndarray, "frames coefficients"]

    def as_json(self) -> dict[str, Any]:
        """The features as plain data, rounded to plotting precision."""
        tree: dict[str, Any] = {"start": round(self.start, 4), "hop": round(self.hop, 6)}
        digits = {"low": 3, "high": 3, "rms": 4, "zcr": 4, "mel": 0, "mfcc": 1}
        return tree | {name: getattr(self, name).round(places).tolist() for name, places in digits.items()}


class DisplayAnalyzer:
    """Compute display features of a stream of samples, frame by frame and without padding.

    Attributes:
        sample_rate: in Hz.
        frame_length: in samples, about 30 ms.
        hop_length: in samples; longer than a frame where a whole recording has to fit into one plot.
    """

    def __init__(self, sample_rate: int, hop: float = 0.032) -> None:
        self.sample_rate = sample_rate
        self.frame_length = 1 << (sample_rate * 32 // 1000 - 1).bit_length()
        self.hop_length = round(hop * sample_rate)
        self._buffer = np.zeros(0, np.float32)  # starts at the next frame
        self._frames = 0

    def push(self, samples: Float[np.ndarray, " samples"]) -> DisplayFrames | None:
        """Add samples in [-1, 1]; return the frames that they complete, or None."""
        buffer = np.concatenate([self._buffer, samples])
        reach = max(self.frame_length, self.hop_length)
        count = max(0, 1 + (len(buffer) - reach) // self.hop_length)
        if not count:
            self._buffer = buffer
            return None
        views = np.lib.stride_tricks.sliding_window_view(buffer, reach)[:: self.hop_length][:count]
        frames = self._analyze(views[:, : self.frame_length], views[:, : self.hop_length])
        self._buffer = buffer[count * self.hop_length :]
        self._frames += count
        return frames

    def _analyze(self, frames: np.ndarray, hops: np.ndarray) -> DisplayFrames:
        power = np.square(np.abs(np.fft.rfft(frames * matrices.hann(self.frame_length)))).astype(np.float32)
        bands = power @ matrices.mel_filters(self.sample_rate, self.frame_length, BANDS, 0.0, None).T
        mel = 10 * np.log10(np.maximum(bands, FLOOR))
        negative = frames < -FLOOR
        return DisplayFrames(
            start=self._frames * self.hop_length / self.sample_rate,
            hop=self.hop_length / self.sample_rate,
            low=hops.min(1),
            high=hops.max(1),
            rms=np.sqrt(np.mean(np.square(frames), axis=1)),
            zcr=np.sum(negative[:, 1:] != negative[:, :-1], axis=1) / self.frame_length,
            mel=mel,
            mfcc=mel @ matrices.dct(BANDS, COEFFICIENTS),
        )
