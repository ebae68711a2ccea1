"""Decoding of one audio file: read, downmix, trim silence, resample, crop or pad to a window."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
import soundfile
import soxr

if TYPE_CHECKING:
    from jaxtyping import Float, Int16, Shaped

FULL_SCALE = 32766 / 32768
"""Magnitude from which a sample counts as clipped; 16-bit files reach 32767 / 32768."""

SILENCE = 1e-4
"""Peak magnitude below which a clip is silent: -80 dBFS."""

OFFSET = 1 / 32768
"""Magnitude below which a DC offset is ignored: a step of 16 bits. Programs that round down leave half a step."""

UTTERANCE_BYTES = 1 << 22
"""Size of a file up to which `read_utterance` reads it whole: 20 s of stereo at 48 kHz."""

EMPTY = "contains no samples"
UNREADABLE = "cannot be read: "
"""Prefix of the reason for a file that could not be read: a later attempt may succeed without a change to the file."""


class ClipError(ValueError):
    """An unusable clip; the message is the reason, without the name of the file."""


@dataclass(frozen=True)
class Recording:
    """Mono samples in [-1, 1], their rate in Hz, and the fraction (0 to 1) that is clipped (`FULL_SCALE`)."""

    samples: Float[np.ndarray, " samples"]
    sample_rate: int
    clipped: float = 0.0

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.samples) / self.sample_rate


def read_recording(path: Path) -> Recording:
    """Read an audio file at its own sample rate, with the samples that soundfile returns; channels are averaged.

    Raises:
        ClipError: the file cannot be read, is truncated, silent or empty, or contains NaN or infinity.
    """
    return parse_recording(file_bytes(path))


def read_utterance(path: Path, seconds: float) -> Recording | None:
    """`read_recording` for a file of up to `seconds`; None for a longer one, of which only the header is read."""
    with contextlib.suppress(OSError):  # which `file_bytes` reports
        if path.stat().st_size > UTTERANCE_BYTES and read_header(path)[1] > seconds:
            return None
    return _parse(file_bytes(path), seconds)


def file_bytes(path: Path) -> bytes:
    """The content of a file; `ClipError` if it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            return file.readall()
    except OSError as error:
        raise ClipError(f"{UNREADABLE}{error.strerror}") from None


def parse_recording(content: bytes) -> Recording:
    """Decode the content of an audio file; see `read_recording`."""
    recording = _parse(content, math.inf)
    assert recording is not None  # no file is longer
    return recording


def _parse(content: bytes, seconds: float) -> Recording | None:
    """Decode the content of an audio file, unless it is longer than `seconds`."""
    if found := _pcm16(content):
        samples, sample_rate = found
        return None if len(samples) / sample_rate > seconds else to_recording(samples, sample_rate)
    with _opened(io.BytesIO(content)) as file:
        if file.frames / file.samplerate > seconds:
            return None
        # 16-bit samples become the same floats as soundfile's, in a third of the time
        samples = file.read(dtype="int16" if file.subtype == "PCM_16" else "float32", always_2d=True)
        return to_recording(samples, file.samplerate)


def to_recording(samples: Shaped[np.ndarray, "samples channels"], sample_rate: int) -> Recording:
    """`downmix` samples and measure how many are clipped; `ClipError` if they are silent."""
    recording, peak = downmix(samples, sample_rate)
    if peak < SILENCE:
        raise ClipError("is silent: no sample reaches -80 dBFS")
    clipped = float(np.mean(np.abs(recording.samples) >= FULL_SCALE)) if peak >= FULL_SCALE else 0.0
    return dataclasses.replace(recording, clipped=clipped)


def downmix(samples: Shaped[np.ndarray, "samples channels"], sample_rate: int) -> tuple[Recording, float]:
    """Average the channels of samples (int16, or floats in [-1, 1]); return the result and its peak magnitude.

    `ClipError` if the samples are empty, or contain NaN or infinity.
    """
    if not samples.size:
        raise ClipError(EMPTY)
    peak = _peak(samples)
    if not np.isfinite(peak):
        raise ClipError("contains samples that are NaN or infinity")
    if samples.dtype == np.int16:
        samples, peak = samples.astype(np.float32), peak / 32768
        samples *= np.float32(1 / 32768)
    mono = samples[:, 0]
    if samples.shape[1] > 1:
        # `mean` along so short an axis takes 40 times as long as adding the channels
        mono = sum(samples.T) / np.float32(samples.shape[1])
        peak = _peak(mono)
    return Recording(mono, sample_rate), peak


def read_blocks(source: Path | BinaryIO, seconds: float = 10.0) -> Iterator[Recording]:
    """Read an audio file of any length in blocks, in constant memory; raises as `read_recording` except for silence."""
    with _opened(source) as file:
        empty = True
        for block in file.blocks(max(1, round(seconds * file.samplerate)), dtype="float32", always_2d=True):
            empty = False
            yield downmix(block, file.samplerate)[0]
        if empty:
            raise ClipError(EMPTY)


def read_header(source: Path | BinaryIO) -> tuple[int, float]:
    """Sample rate in Hz and duration in seconds by the header; `ClipError` if the file is unreadable or truncated."""
    with _opened(source) as file:
        return file.samplerate, file.frames / file.samplerate


def decode(path: Path, sample_rate: int, trim_db: float | None = None) -> Float[np.ndarray, " samples"]:
    """Read an audio file, remove its DC offset and its silence (`cleaned`) and resample it to `sample_rate` Hz."""
    return resample(cleaned(read_recording(path), trim_db), sample_rate)


def cut(recording: Recording, start: float, end: float) -> Recording:
    """The segment of a recording from `start` to `end` in s, infinity for its end.

    Raises:
        ClipError: the segment is silent, or ends more than 0.1 s after the recording.
    """
    if (start, end) == (0.0, math.inf):
        return recording
    if start >= recording.seconds or (end < math.inf and end > recording.seconds + 0.1):
        to = f"{end:g} s" if end < math.inf else "its end"
        raise ClipError(f"lasts {recording.seconds:.4g} s: it has no segment from {start:g} s to {to}")
    first, last = (round(min(time, recording.seconds) * recording.sample_rate) for time in (start, end))
    samples = recording.samples[first:last]
    if not len(samples) or _peak(samples) < SILENCE:
        raise ClipError(f"is silent from {start:g} s to {min(end, recording.seconds):g} s: no sample reaches -80 dBFS")
    clipped = float(np.mean(np.abs(samples) >= FULL_SCALE))
    return Recording(samples, recording.sample_rate, clipped)


def cleaned(recording: Recording, trim_db: float | None) -> Recording:
    """Remove the DC offset, the mean of all samples, then trim silence (`trim`) unless `trim_db` is None.

    MEMS microphones have an offset. It would hide silence from `trim`, and become a step where a clip is padded.
    """
    samples = recording.samples
    offset = np.mean(samples, dtype=np.float64) if len(samples) else 0.0
    if abs(offset) >= OFFSET:
        recording = dataclasses.replace(recording, samples=samples - np.float32(offset))
    return recording if trim_db is None else trim(recording, trim_db)


def trim(recording: Recording, top_db: float) -> Recording:
    """Trim leading and trailing silence: frames more than `top_db` dB below the loudest frame.

    The result equals that of `librosa.effects.trim`, which the runner of exported models cannot import. The hop is
    512 / 22,050 s and a frame has four hops: librosa's defaults at its default sample rate. Frames have this duration
    at every rate, so that the trimmed duration does not depend on the rate of the file. Trimming precedes resampling,
    which then has less to do. A silent recording is returned whole.
    """
    samples = recording.samples
    hop = max(1, round(recording.sample_rate * 512 / 22_050))
    whole = len(samples) // hop
    blocks, rest = samples[: whole * hop].reshape(whole, hop), samples[whole * hop :]
    energy = np.zeros(whole + 4)  # of each hop; librosa pads half a frame of zeros at both ends
    energy[2 : whole + 2] = np.vecdot(blocks, blocks)
    energy[whole + 2] = rest @ rest
    # the floor is librosa's
    power = np.maximum((energy[:-3] + energy[1:-2] + energy[2:-1] + energy[3:]) / (4 * hop), 1e-10)
    loud = np.flatnonzero(power > power.max() * 10 ** (-top_db / 10))
    if not len(loud):
        return recording
    return dataclasses.replace(recording, samples=samples[loud[0] * hop : (loud[-1] + 1) * hop])


def resample(recording: Recording, sample_rate: int) -> Float[np.ndarray, " samples"]:
    """Resample to another rate in Hz with soxr at high quality; `ClipError` if no sample remains."""
    if recording.sample_rate == sample_rate:
        return recording.samples
    samples = soxr.resample(recording.samples, recording.sample_rate, sample_rate)
    if not len(samples):
        raise ClipError(f"is too short: {len(recording.samples)} samples, of which none remains at {sample_rate} Hz")
    return samples


def to_int16(samples: Float[np.ndarray, " samples"]) -> Int16[np.ndarray, " samples"]:
    """Quantize samples in [-1, 1] to 16 bits; overshoot of the resampler is clipped."""
    scaled = samples * np.float32(32768)
    return np.clip(np.rint(scaled, out=scaled), -32768, 32767, out=scaled).astype(np.int16)


def crop_or_pad(
    samples: Shaped[np.ndarray, " samples"],
    length: int,
    where: Literal["start", "center", "random"],
    rng: np.random.Generator | None = None,
) -> Shaped[np.ndarray, " length"]:
    """Crop to `length` samples, or pad with zeros.

    Args:
        where: position of the crop in the samples, or of the samples in the zeros. "random" is drawn from `rng`;
            without an `rng`, as in evaluation, it is the centre.

    >>> crop_or_pad(np.arange(5), 3, "center").tolist(), crop_or_pad(np.arange(1, 3), 4, "center").tolist()
    ([1, 2, 3], [0, 1, 2, 0])
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
    """Open a file with soundfile; an error within the block becomes a `ClipError`."""
    name: Any = source
    if isinstance(source, Path):  # soundfile cannot encode a name that is not UTF-8
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
                raise ClipError(f"is truncated: its header announces {missing:,} more bytes")
            yield file
    except ClipError:
        raise
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        reason = str(error).removeprefix(f"Error opening {name!r}: ")
        raise ClipError(f"cannot be decoded: {reason}") from None


def _pcm16(content: bytes) -> tuple[Int16[np.ndarray, "samples channels"], int] | None:
    """The samples, without a copy, and the sample rate of a 16-bit PCM WAV file; None if its header is unusual.

    Nearly all speech corpora have this format, and libsndfile needs sixty system calls to read its header. Other files
    are left to libsndfile.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE" or _missing_bytes(content[:12], len(content)):
        return None
    header = None
    offset = 12
    while offset + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, offset)
        offset += 8
        if offset + size > len(content):
            return None
        if name == b"fmt " and size >= 16:
            header = struct.unpack_from("<HHIIHH", content, offset)
        if name == b"data" and header:
            kind, channels, sample_rate, _, _, bits = header
            usual = kind == 1 and bits == 16 and 0 < channels <= 1024 and 0 < sample_rate < 1 << 31
            if not usual or size % (2 * channels) or not size:  # the size 0 may be wrong: its writer may have died
                return None
            samples = np.frombuffer(content, "<i2", size // 2, offset).astype(np.int16, copy=False)
            return samples.reshape(-1, channels), sample_rate
        offset += size + size % 2
    return None


def _peak(samples: Shaped[np.ndarray, "..."]) -> float:
    """The largest magnitude, or NaN if a sample is NaN. Two passes without a copy are faster than one over `np.abs`."""
    return max(float(samples.max()), -float(samples.min()))


def _missing_bytes(head: bytes, size: int) -> int:
    """Number of bytes that a WAV file of `size` bytes lacks, by the length in its first twelve bytes.

    libsndfile reads a truncated file without an error.
    """
    if len(head) < 12 or head[:4] != b"RIFF":
        return 0
    announced = 8 + int(struct.unpack("<I", head[4:8])[0])
    # a program that writes to a pipe does not know the size: it writes 0, or the largest of 31 (sox) or 32 bits
    streamed = announced == 8 or announced >= 0x7FFF0000
    return 0 if streamed else max(0, announced - size)
