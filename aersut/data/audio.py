"""One clip: decode it, trim its silence, fit it to a window."""

import contextlib
import dataclasses
import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import soundfile
import soxr
from jaxtyping import Float, Int16, Shaped

FULL_SCALE = 32766 / 32768
"""From here on a sample counts as clipped; 16-bit files reach 32767 / 32768."""

SILENCE = 1e-4
"""A clip whose samples all stay under this, -80 dB, holds no voice."""


EMPTY = "holds no samples"
UNREADABLE = "cannot be read: "
"""So begins the reason why a file's bytes could not be had, which may pass without a change to the file."""


class ClipError(ValueError):
    """A clip that cannot be used; the message is the reason, without the clip's name."""


@dataclass(frozen=True)
class Recording:
    """Mono samples in [-1, 1].

    Attributes:
        samples: the sound.
        sample_rate: in Hz.
        clipped: the share of the file's samples at full scale, 0 to 1.
    """

    samples: Float[np.ndarray, " samples"]
    sample_rate: int
    clipped: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.sample_rate


def read(path: Path) -> Recording:
    """Read a sound file as soundfile reads it, at its own sample rate; channels are averaged.

    Raises:
        ClipError: the file cannot be read, is cut short, silent or empty, or holds samples that are no numbers.
    """
    return parse(file_bytes(path))


def file_bytes(path: Path) -> bytes:
    """What is in a file.

    Raises:
        ClipError: it cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            return file.readall()
    except OSError as error:
        raise ClipError(f"{UNREADABLE}{error.strerror}") from None


def parse(content: bytes) -> Recording:
    """`read` what is in a sound file.

    Raises:
        ClipError: as `read`.
    """
    if found := _pcm16(content):
        return recorded(*found)
    with _opened(io.BytesIO(content)) as file:
        # 16 bits become the same floats as soundfile's own, in a third of the time
        samples = file.read(dtype="int16" if file.subtype == "PCM_16" else "float32", always_2d=True)
        return recorded(samples, file.samplerate)


def recorded(samples: Shaped[np.ndarray, "samples channels"], sample_rate: int) -> Recording:
    """A recording of samples as they were read: int16, or floats in [-1, 1].

    Raises:
        ClipError: there are none, they are silent, or no numbers.
    """
    recording, peak = mono(samples, sample_rate)
    if peak < SILENCE:
        raise ClipError("is silent: no sample reaches -80 dB of full scale")
    clipped = float(np.mean(np.abs(recording.samples) >= FULL_SCALE)) if peak >= FULL_SCALE else 0.0
    return dataclasses.replace(recording, clipped=clipped)


def mono(samples: Shaped[np.ndarray, "samples channels"], sample_rate: int) -> tuple[Recording, float]:
    """The mean of the channels of samples as they were read (int16, or floats in [-1, 1]), and its largest magnitude.

    Raises:
        ClipError: there are none, or they are no numbers.
    """
    if not samples.size:
        raise ClipError(EMPTY)
    peak = _peak(samples)
    if not np.isfinite(peak):
        raise ClipError("holds samples that are no numbers (NaN or infinity)")
    if samples.dtype == np.int16:
        samples, peak = samples.astype(np.float32), peak / 32768
        samples *= np.float32(1 / 32768)
    mono = samples[:, 0]
    if samples.shape[1] > 1:
        # channel by channel: `mean` along so short an axis takes 40 times as long
        mono = sum(samples.T) / np.float32(samples.shape[1])
        peak = _peak(mono)
    return Recording(mono, sample_rate), peak


def blocks(source: Path | BinaryIO, seconds: float = 10.0) -> Iterator[Recording]:
    """Read a sound file of any length piece by piece, in constant memory; a piece may be silent.

    Raises:
        ClipError: the file cannot be read, is cut short or empty, or holds samples that are no numbers.
    """
    with _opened(source) as file:
        empty = True
        for block in file.blocks(max(1, round(seconds * file.samplerate)), dtype="float32", always_2d=True):
            empty = False
            yield mono(block, file.samplerate)[0]
        if empty:
            raise ClipError(EMPTY)


def facts(source: Path | BinaryIO) -> tuple[int, float]:
    """The sample rate in Hz and the seconds of a file, by its header.

    Raises:
        ClipError: the file cannot be read, or is cut short.
    """
    with _opened(source) as file:
        return file.samplerate, file.frames / file.samplerate


def decode(path: Path, sample_rate: int, trim_db: float | None = None) -> Float[np.ndarray, " samples"]:
    """`read`, `trim` unless `trim_db` is None, and `resample` to `sample_rate` Hz."""
    recording = read(path)
    return resample(recording if trim_db is None else trim(recording, trim_db), sample_rate)


def trim(recording: Recording, top_db: float) -> Recording:
    """Cut the silence at both ends that lies more than `top_db` under the loudest frame.

    Equal to `librosa.effects.trim`, which the runner for exported models has to do without, with a hop of 512 / 22,050
    s and frames of four hops: librosa's defaults at its default sample rate. At other rates the frames are as long in
    seconds, so that what is cut does not depend on the file's rate. It comes before resampling, which then has less to
    do. A silent recording is kept whole.
    """
    samples = recording.samples
    hop = max(1, round(recording.sample_rate * 512 / 22_050))
    whole = len(samples) // hop
    blocks, rest = samples[: whole * hop].reshape(whole, hop), samples[whole * hop :]
    energy = np.zeros(whole + 4)  # of each hop, in the middle of the half a frame of zeros that librosa pads with
    energy[2 : whole + 2] = np.vecdot(blocks, blocks)
    energy[whole + 2] = rest @ rest
    # librosa has this floor too
    power = np.maximum((energy[:-3] + energy[1:-2] + energy[2:-1] + energy[3:]) / (4 * hop), 1e-10)
    loud = np.flatnonzero(power > power.max() * 10 ** (-top_db / 10))
    if not len(loud):
        return recording
    return dataclasses.replace(recording, samples=samples[loud[0] * hop : (loud[-1] + 1) * hop])


def resample(recording: Recording, sample_rate: int) -> Float[np.ndarray, " samples"]:
    """The recording's samples at another rate in Hz, by soxr at high quality.

    Raises:
        ClipError: it is so short that no sample is left.
    """
    if recording.sample_rate == sample_rate:
        return recording.samples
    samples = soxr.resample(recording.samples, recording.sample_rate, sample_rate)
    if not len(samples):
        raise ClipError(f"is too short: {len(recording.samples)} samples, of which none is left at {sample_rate} Hz")
    return samples


def to_int16(samples: Float[np.ndarray, " samples"]) -> Int16[np.ndarray, " samples"]:
    """Quantize samples in [-1, 1] to 16 bits, clipping what resampling has pushed over."""
    scaled = samples * np.float32(32768)
    return np.clip(np.rint(scaled, out=scaled), -32768, 32767, out=scaled).astype(np.int16)


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


@contextlib.contextmanager
def _opened(source: Path | BinaryIO) -> Iterator[Any]:
    """The file by soundfile; what goes wrong with it within the block is a `ClipError`."""
    name: Any = source
    if isinstance(source, Path):  # soundfile cannot encode a name that is no UTF-8
        name = os.fsencode(source) if os.name == "posix" else str(source)
    try:
        with source.open("rb") if isinstance(source, Path) else contextlib.nullcontext(source) as file:
            file.seek(0)
            missing = _missing_bytes(file.read(12), file.seek(0, 2))
            file.seek(0)
    except OSError as error:
        raise ClipError(f"{UNREADABLE}{error.strerror}") from None
    try:
        with soundfile.SoundFile(name) as file:
            if missing:
                raise ClipError(f"is cut short: its header promises {missing:,} bytes more")
            yield file
    except ClipError:
        raise
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        reason = str(error).removeprefix(f"Error opening {name!r}: ")
        raise ClipError(f"cannot be decoded: {reason}") from None


def _pcm16(content: bytes) -> tuple[Int16[np.ndarray, "samples channels"], int] | None:
    """The samples, without a copy, and the sample rate of a WAV file of 16-bit PCM; None where anything is unusual.

    Nearly all speech comes so, and libsndfile goes through its header in sixty calls of the system. What is unusual it
    may judge.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE" or _missing_bytes(content[:12], len(content)):
        return None
    form = None
    place = 12
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        place += 8
        if place + size > len(content):
            return None
        if name == b"fmt " and size >= 16:
            form = struct.unpack_from("<HHIIHH", content, place)
        if name == b"data" and form:
            kind, channels, sample_rate, _, _, bits = form
            usual = kind == 1 and bits == 16 and 0 < channels <= 1024 and 0 < sample_rate < 1 << 31
            if not usual or size % (2 * channels) or not size:  # not even 0 need be true: its writer may have died
                return None
            samples = np.frombuffer(content, "<i2", size // 2, place).astype(np.int16, copy=False)
            return samples.reshape(-1, channels), sample_rate
        place += size + size % 2
    return None


def _peak(samples: Shaped[np.ndarray, "..."]) -> float:
    """The largest magnitude; NaN where there is one. Two passes without a copy beat one over `np.abs`."""
    return max(float(samples.max()), -float(samples.min()))


def _missing_bytes(head: bytes, size: int) -> int:
    """How many bytes a WAV file of a size lacks of what its first twelve bytes promise.

    libsndfile reads what is left without a word.
    """
    if len(head) < 12 or head[:4] != b"RIFF":
        return 0
    promised = 8 + int(struct.unpack("<I", head[4:8])[0])
    # written to a pipe, the size was not known: 0, or as much as fits into 31 (sox) or 32 bits
    streamed = promised == 8 or promised >= 0x7FFF0000
    return 0 if streamed else max(0, promised - size)
