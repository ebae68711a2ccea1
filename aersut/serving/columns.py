"""What a listener sees of the sound: level, mel spectrogram, MFCC and zero crossings, column by column. Plain numpy.

For the eye only: the network's features come out of its own files.
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
class Columns:
    """Some frames, one per row.

    Attributes:
        start: of the first, in seconds.
        hop: seconds from one to the next.
        low, high: the least and the greatest sample of each, up to where the next begins.
        rms: root mean square, 0 to 1.
        zcr: zero-crossing rate, 0 to 1.
        mel: mel bands in dB.
        mfcc: cepstral coefficients of these.
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
        """As plain data, rounded to what a picture shows."""
        tree: dict[str, Any] = {"start": round(self.start, 4), "hop": round(self.hop, 6)}
        digits = {"low": 3, "high": 3, "rms": 4, "zcr": 4, "mel": 0, "mfcc": 1}
        return tree | {name: getattr(self, name).round(places).tolist() for name, places in digits.items()}


class Analyser:
    """Cuts a stream of samples into frames without padding, and describes each.

    Attributes:
        sample_rate: in Hz.
        frame_length: in samples, some 30 ms.
        hop_length: in samples; longer than a frame where a whole recording is to fit into one picture.
    """

    def __init__(self, sample_rate: int, hop: float = 0.032) -> None:
        self.sample_rate = sample_rate
        self.frame_length = 1 << (sample_rate * 32 // 1000 - 1).bit_length()
        self.hop_length = round(hop * sample_rate)
        self._kept = np.zeros(0, np.float32)  # from where the next frame begins
        self._frames = 0

    def push(self, samples: Float[np.ndarray, " samples"]) -> Columns | None:
        """Take in samples in [-1, 1]; return the frames that they complete, if there are any."""
        kept = np.concatenate([self._kept, samples])
        reach = max(self.frame_length, self.hop_length)
        count = max(0, 1 + (len(kept) - reach) // self.hop_length)
        if not count:
            self._kept = kept
            return None
        views = np.lib.stride_tricks.sliding_window_view(kept, reach)[:: self.hop_length][:count]
        columns = self._describe(views[:, : self.frame_length], views[:, : self.hop_length])
        self._kept = kept[count * self.hop_length :]
        self._frames += count
        return columns

    def _describe(self, frames: np.ndarray, own: np.ndarray) -> Columns:
        power = np.square(np.abs(np.fft.rfft(frames * matrices.hann(self.frame_length)))).astype(np.float32)
        bands = power @ matrices.filters(self.sample_rate, self.frame_length, BANDS, 0.0, None).T
        mel = 10 * np.log10(np.maximum(bands, FLOOR))
        negative = frames < -FLOOR
        return Columns(
            start=self._frames * self.hop_length / self.sample_rate,
            hop=self.hop_length / self.sample_rate,
            low=own.min(1),
            high=own.max(1),
            rms=np.sqrt(np.mean(np.square(frames), axis=1)),
            zcr=np.sum(negative[:, 1:] != negative[:, :-1], axis=1) / self.frame_length,
            mel=mel,
            mfcc=mel @ matrices.dct(BANDS, COEFFICIENTS),
        )
