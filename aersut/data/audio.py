"""Decoding of one audio file: read, downmix, trim silence, resample, crop or pad to a window."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
import soxr

from aersut.audio_input import LARGEST
from aersut.data.audio_files import BLOCK, SIZE_NOTE, STREAMED, AudioFile, opened
from aersut.data.audio_files import UNREADABLE as UNREADABLE
from aersut.data.audio_files import ClipError as ClipError
from aersut.errors import UserError
from aersut.levels import speech_frames

if TYPE_CHECKING:
    from jaxtyping import Float, Int16, Shaped

FULL_SCALE = 32766 / 32768
"""Magnitude from which a sample counts as clipped; 16-bit files reach 32767 / 32768."""

SILENCE = 1e-4
"""Peak magnitude below which a clip is silent: -80 dBFS."""

OFFSET = 1 / 32768
"""Magnitude below which a DC offset is ignored: a step of 16 bits. Programs that round down leave half a step."""

CLIPPED = 0.001
"""Fraction of samples at full scale from which a recording counts as clipped."""

UTTERANCE_BYTES = 1 << 22
"""Size of a file up to which `read_utterance` reads it whole: 20 s of stereo at 48 kHz."""

CANCELLED = 0.01
"""Power of the mean of channels relative to their mean power, below which they cancel each other: -20 dB."""

CLICK_FRAMES = 9
"""Frames of `trim` in which a click of up to 0.1 s is."""

EMPTY = "contains no samples"
OPPOSITE = "has channels of opposite phase, which cancel each other; the loudest one is used"


@dataclass(frozen=True)
class Recording:
    """Mono samples and what is known about them.

    Attributes:
        samples: in [-1, 1].
        sample_rate: in Hz.
        clipped: the fraction (0 to 1) that is clipped (`FULL_SCALE`).
        start: position of the first sample in the file, in seconds; not 0 after `trim`.
        note: what is unusual about the file, a sentence without its subject; or "".
    """

    samples: Float[np.ndarray, " samples"]
    sample_rate: int
    clipped: float = 0.0
    start: float = 0.0
    note: str = ""

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
        samples, sample_rate, note = found
        return None if len(samples) / sample_rate > seconds else to_recording(samples, sample_rate, note)
    with opened(io.BytesIO(content)) as file:
        blocks: list[Shaped[np.ndarray, "frames channels"]] = []
        frames = 0
        if file.frames and file.frames / file.sample_rate > seconds:
            return None
        for block in file.blocks(min(BLOCK, file.frames + 1) if file.frames else BLOCK):
            frames += len(block)
            if frames / file.sample_rate > seconds:
                return None
            blocks.append(block)
        if not blocks:
            raise ClipError(EMPTY)
        samples = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        return to_recording(samples, file.sample_rate, file.note)


def to_recording(samples: Shaped[np.ndarray, "samples channels"], sample_rate: int, note: str = "") -> Recording:
    """Average the channels of a clip (`Downmix`) and measure how many samples are clipped; `ClipError` if silent."""
    downmix = Downmix()
    mono = downmix(samples)
    peak = _peak(mono)
    if peak < SILENCE:
        raise ClipError("is silent: no sample reaches -80 dBFS")
    clipped = float(np.mean(np.abs(mono) >= FULL_SCALE)) if peak >= FULL_SCALE else 0.0
    return Recording(mono, sample_rate, clipped, note=joined(note, OPPOSITE if downmix.cancelled else ""))


@contextlib.contextmanager
def clip_errors(name: object, remedy: str = "") -> Iterator[None]:
    """Raise a `ClipError` of the block as a `UserError` with the name of the recording, and a remedy."""
    try:
        yield
    except ClipError as error:
        raise UserError(f"{name} {str(error).rstrip('.')}.{remedy and ' '}{remedy}") from None


def joined(*notes: str) -> str:
    """Several notes as one."""
    return "; ".join(dict.fromkeys(filter(None, notes)))


class Downmix:
    """The mean of the channels, for the blocks of one recording.

    Where the channels cancel each other, as with one connection of a balanced line reversed, it is the loudest channel.
    This is decided by the powers of all samples so far.

    Attributes:
        cancelled: whether the channels cancel each other.
    """

    def __init__(self) -> None:
        self.cancelled = False
        self._powers: Any = 0.0
        self._mean_power = 0.0

    def __call__(self, samples: Shaped[np.ndarray, "samples channels"]) -> Float[np.ndarray, " samples"]:
        """Downmix at least one sample: int16, or floats in [-1, 1].

        Raises:
            ClipError: the samples contain NaN or infinity, or are floats in another scale.
        """
        if samples.dtype == np.int16:
            samples = samples.astype(np.float32)
            samples *= np.float32(1 / 32768)
        else:
            peak = _peak(samples)
            if not math.isfinite(peak):
                raise ClipError("contains samples that are NaN or infinity")
            if peak >= LARGEST:
                raise ClipError(
                    f"reaches {peak:,.1f}, and full scale is 1. Divide its samples; by 32,768, if they are in the "
                    "scale of 16 bits"
                )
        if samples.shape[1] == 1:
            return samples[:, 0]
        # `mean` along so short an axis takes 40 times as long as adding the channels
        mono = sum(samples.T) / np.float32(samples.shape[1])
        channels = [np.ascontiguousarray(channel) for channel in samples.T]
        self._powers = self._powers + np.array([float(channel @ channel) for channel in channels])
        self._mean_power += float(mono @ mono)
        self.cancelled = self._mean_power < CANCELLED * float(np.mean(self._powers))
        return channels[int(np.argmax(self._powers))] if self.cancelled else mono


def read_blocks(source: Path | BinaryIO, seconds: float = 10.0) -> Iterator[Recording]:
    """Read an audio file of any length in blocks, in constant memory; raises as `read_recording` except for silence.

    A block has the notes on the file until then.
    """
    with opened(source) as file:
        downmix = Downmix()
        empty = True
        for block in file.blocks(max(1, round(seconds * file.sample_rate))):
            empty = False
            mono = downmix(block)
            note = joined(file.note, OPPOSITE if downmix.cancelled else "")
            yield Recording(mono, file.sample_rate, note=note)
        if empty:
            raise ClipError(EMPTY)


def read_header(source: Path | BinaryIO) -> tuple[int, float]:
    """Sample rate in Hz and duration in seconds by the header; `ClipError` if the file is unreadable or truncated.

    A file without a length in its header is decoded.
    """
    with opened(source) as file:
        return file.sample_rate, _frames(file) / file.sample_rate


def _frames(file: AudioFile) -> int:
    return sum(map(len, file.blocks(BLOCK))) if file.frames is None else file.frames


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
    return Recording(samples, recording.sample_rate, clipped, note=recording.note)


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

    A click is not speech, and no reference for its level (`speech_frames`). Without one, the result equals that of
    `librosa.effects.trim`, which the runner of exported models cannot import. The hop is
    512 / 22,050 s and a frame has four hops: librosa's defaults at its default sample rate. Frames have this duration
    at every rate, so that the trimmed duration does not depend on the rate of the file. Trimming precedes resampling,
    which then has less to do. A silent recording is returned whole.
    """
    samples = recording.samples
    hop = max(1, round(recording.sample_rate * 512 / 22_050))
    whole = len(samples) // hop
    blocks, rest = samples[: whole * hop].reshape(whole, hop), samples[whole * hop :]
    # of each hop; librosa pads half a frame of zeros at both ends. A whole frame lets a sound at an end be in as many
    # frames as elsewhere, so that it is not taken for a click
    energy = np.zeros(whole + 8)
    energy[4 : whole + 4] = np.vecdot(blocks, blocks)
    energy[whole + 4] = rest @ rest
    # the floor is librosa's
    power = np.maximum((energy[:-3] + energy[1:-2] + energy[2:-1] + energy[3:]) / (4 * hop), 1e-10)
    loud = speech_frames(power, 10 ** (-top_db / 10), CLICK_FRAMES, neighbors=3) - 2
    loud = loud[(loud >= 0) & (loud <= whole)]  # the frames that librosa has
    if not len(loud):
        return recording
    first = int(loud[0]) * hop
    start = recording.start + first / recording.sample_rate
    return dataclasses.replace(recording, samples=samples[first : (loud[-1] + 1) * hop], start=start)


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


def to_float(samples: Int16[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Convert 16-bit samples to float32 in [-1, 1)."""
    return samples * np.float32(1 / 32768)


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


def _pcm16(content: bytes) -> tuple[Int16[np.ndarray, "samples channels"], int, str] | None:
    """The samples, without a copy, sample rate and note of a 16-bit PCM WAV file; None if its header is unusual.

    Nearly all speech corpora have this format, and libsndfile needs sixty system calls to read its header. Other files
    are left to libsndfile.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return None
    announced = 8 + int(struct.unpack_from("<I", content, 4)[0])
    note = SIZE_NOTE if len(content) < announced < STREAMED else ""
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
            return samples.reshape(-1, channels), sample_rate, note
        offset += size + size % 2
    return None


def _peak(samples: Shaped[np.ndarray, "..."]) -> float:
    """The largest magnitude, or NaN if a sample is NaN. Two passes without a copy are faster than one over `np.abs`."""
    return max(float(samples.max()), -float(samples.min()))
