"""One clip: decode it, trim its silence, fit it to a window."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from jaxtyping import Float, Int16, Shaped

FULL_SCALE = 32766 / 32768
"""From here on a sample counts as clipped; 16-bit files reach 32767 / 32768."""

SILENCE = 1e-4
"""A clip whose samples all stay under this, -80 dB, holds no voice."""


class ClipError(ValueError):
    """A clip that cannot be used; the message is the reason, without the clip's name."""


@dataclass(frozen=True)
class Recording:
    """A sound file as it is: mono samples in [-1, 1] at its own sample rate in Hz."""

    samples: Float[np.ndarray, " samples"]
    sample_rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.sample_rate

    @property
    def clipped(self) -> float:
        """The share of samples at full scale, 0 to 1."""
        return float(np.mean(np.abs(self.samples) >= FULL_SCALE))


def read(path: Path) -> Recording:
    """Read a sound file with soundfile; channels are averaged.

    Raises:
        ClipError: the file cannot be read, is cut short, silent or empty, or holds samples that are no numbers.
    """
    name = os.fsencode(path) if os.name == "posix" else str(path)  # soundfile cannot encode a name that is no UTF-8
    try:
        samples, sample_rate = soundfile.read(name, dtype="float32", always_2d=True)
        missing = _missing_bytes(path)
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        reason = str(error).removeprefix(f"Error opening {name!r}: ")
        raise ClipError(f"cannot be decoded: {reason}") from None
    if missing:
        raise ClipError(f"is cut short: its header promises {missing:,} bytes more")
    if not samples.size:
        raise ClipError("holds no samples")
    if not np.isfinite(samples).all():
        raise ClipError("holds samples that are no numbers (NaN or infinity)")
    mono = samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
    if np.abs(mono).max() < SILENCE:
        raise ClipError("is silent: no sample reaches -80 dB of full scale")
    return Recording(mono, sample_rate)


def decode(path: Path, sample_rate: int) -> Float[np.ndarray, " samples"]:
    """`read`, resampled to `sample_rate` Hz by soxr at high quality."""
    return resample(read(path), sample_rate)


def resample(recording: Recording, sample_rate: int) -> Float[np.ndarray, " samples"]:
    """The recording's samples at another rate in Hz."""
    if recording.sample_rate == sample_rate:
        return recording.samples
    return soxr.resample(recording.samples, recording.sample_rate, sample_rate)


def trim(samples: Float[np.ndarray, " samples"], top_db: float) -> Float[np.ndarray, " kept"]:
    """Cut the silence at both ends that lies more than `top_db` under the loudest frame.

    Equal to `librosa.effects.trim` with its defaults (frames of 2,048 samples every 512, padded with zeros), which the
    runner for exported models has to do without. A silent clip is kept whole.
    """
    frame, hop = 2048, 512
    padded = np.pad(samples, frame // 2)
    power = np.concatenate([[0.0], np.cumsum(np.square(padded, dtype=np.float64))])
    starts = np.arange(0, len(padded) - frame + 1, hop)
    # differences of a running sum leave rounding noise where it is silent, hence the floor that librosa has too (1e-10)
    power = np.maximum((power[starts + frame] - power[starts]) / frame, 1e-10)
    loud = np.flatnonzero(power > power.max() * 10 ** (-top_db / 10))
    if not len(loud):
        return samples
    return samples[loud[0] * hop : min(len(samples), (loud[-1] + 1) * hop)]


def to_int16(samples: Float[np.ndarray, " samples"]) -> Int16[np.ndarray, " samples"]:
    """Quantize samples in [-1, 1] to 16 bits, clipping what resampling has pushed over."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


def fit(
    samples: Shaped[np.ndarray, " samples"],
    length: int,
    where: Literal["start", "center", "random"],
    rng: np.random.Generator | None = None,
) -> Shaped[np.ndarray, " length"]:
    """Cut or pad with zeros to `length` samples.

    Args:
        where: which part is kept, or where the samples lie among the zeros: the start, the centre, or one that `rng`
            draws; without an `rng`, as in evaluation, "random" is the centre.
    """
    surplus = len(samples) - length
    if where == "start":
        before = 0
    elif where == "center" or rng is None:
        before = abs(surplus) // 2
    else:
        before = int(rng.integers(abs(surplus) + 1))
    if surplus >= 0:
        return samples[before : before + length]
    return np.pad(samples, (before, -surplus - before))


def _missing_bytes(path: Path) -> int:
    """How many bytes a WAV file lacks of what its header promises; libsndfile reads what is left without a word."""
    with path.open("rb") as file:
        head = file.read(12)
        size = file.seek(0, 2)
    if len(head) < 12 or head[:4] != b"RIFF":
        return 0
    promised = 8 + int(struct.unpack("<I", head[4:8])[0])
    # written to a pipe, the size was not known: 0, or as much as fits into 31 (sox) or 32 bits
    streamed = promised == 8 or promised >= 0x7FFF0000
    return 0 if streamed else max(0, promised - size)
