"""Audio files as a sequence of samples: formats, decoders and damage.

libsndfile decodes; ffmpeg decodes what libsndfile does not (`aersut.data.ffmpeg`). A file is read from its start to its
end, because the length in a header may be missing or wrong.
"""

from __future__ import annotations

import contextlib
import io
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import soundfile

from aersut.data.ffmpeg import FfmpegError, ffmpeg, opened_by_ffmpeg
from aersut.data.mp3 import Mp3Frames, mp3_frames

if TYPE_CHECKING:
    from jaxtyping import Shaped

UNREADABLE = "cannot be read: "
"""Prefix of the reason for a file that could not be read: a later attempt may succeed without a change to the file."""
NEEDS_FFMPEG = "needs ffmpeg: "
"""Prefix of the reason for a file that ffmpeg would decode, which is not installed."""

FFMPEG_FORMATS = (
    (0, b"\x1a\x45\xdf\xa3", "WebM or Matroska", "matroska"),
    (4, b"ftyp", "MPEG-4 (M4A, MP4, 3GP)", "mov"),
    (0, b"#!AMR", "AMR", "amr"),
    (0, b"\x30\x26\xb2\x75", "Windows Media", "asf"),
    (0, b"\xff\xf1", "AAC", "aac"),
    (0, b"\xff\xf9", "AAC", "aac"),
)
"""Formats of ffmpeg only: position and bytes by which a file is recognized whatever its name, and ffmpeg's name."""
CONTAINERS = {b"RIFF": "wav", b"caff": "caf", b"FORM": "aiff", b"OggS": "ogg", b".snd": "au"}
"""ffmpeg's names of formats of which libsndfile lacks some encodings, such as Speex in Ogg."""
READ = "WAV, FLAC, Ogg, MP3 and AIFF are read without it"

UNKNOWN_LENGTH = 1 << 62
"""Number of samples from which a length is none: libsndfile has 2^63 - 1 for FLAC from a pipe."""
STREAMED = 0x7FFF0000
"""Size in bytes from which a 32-bit size is none: a program that writes to a pipe writes the largest of 31 bits (sox)
or of 32 bits."""
MPEG_TOLERANCE = 4 * 1152
"""Samples by which the length of MPEG audio may differ from that of its frames: encoders announce their delay."""
BLOCK = 1 << 20
"""Samples of each channel that are decoded at once."""
OUTER = frozenset({"riff", "rifx", "form", "riff size"})
INNER = frozenset({"data", "ssnd", "body", "data size"})
"""Names of the sizes of a file and of its samples in libsndfile's log, in lower case."""
SIZE = re.compile(r"^\s*([A-Za-z][\w ]*?)\s*:\s*(\d+)\b(?: \(should be (\d+)\))?", re.MULTILINE)
UNSUPPORTED = 4
"""libsndfile's error for an encoding that it lacks, in a format that it has."""
STREAM_NOTE = "has no length in its header, as from a pipe: its end may be missing"
SIZE_NOTE = "has a wrong size in its header; its samples are complete"
END_NOTE = "has no mark of its end, so its end may be missing"
UNCLOSED_NOTE = "was not closed by its recorder: its header announces no samples; those after it are read"


class ClipError(ValueError):
    """An unusable clip; the message is the reason, without the name of the file."""


@dataclass
class AudioFile:
    """An audio file that is decoded from its start to its end.

    Attributes:
        sample_rate: in Hz.
        frames: samples of each channel by the header; None if it has no length.
        read: returns the next samples, at most as many as asked for; fewer at the end.
        note: what is unusual about the file; complete after the last sample is read.
    """

    sample_rate: int
    frames: int | None
    read: Callable[[int], Shaped[np.ndarray, "frames channels"]]
    note: str = ""

    def blocks(self, frames: int) -> Iterator[Shaped[np.ndarray, "frames channels"]]:
        """All samples in blocks of `frames`, the last of which is shorter."""
        while True:
            block = self.read(frames)
            if len(block):
                yield block
            if len(block) < frames:
                return


@contextlib.contextmanager
def opened(source: Path | BinaryIO) -> Iterator[AudioFile]:
    """Open an audio file, given by its path or opened in binary mode.

    Raises:
        ClipError: the file cannot be read, is in no known format, or is truncated, also while it is decoded.
    """
    try:
        with source.open("rb") if isinstance(source, Path) else contextlib.nullcontext(source) as file:
            size = file.seek(0, 2)
            file.seek(0)
            head = file.read(1024)
            with _decoder(source, file, head, size) as found:
                yield found
    except FfmpegError as error:
        raise ClipError(f"cannot be decoded: ffmpeg reports: {str(error).rstrip('.')}") from None
    except OSError as error:
        raise ClipError(f"{UNREADABLE}{error.strerror or error}") from None


@contextlib.contextmanager
def _decoder(source: Path | BinaryIO, file: BinaryIO, head: bytes, size: int) -> Iterator[AudioFile]:
    for begin, signature, name, demuxer in FFMPEG_FORMATS:
        if head[begin:].startswith(signature):
            with _by_ffmpeg(source, f"its format is {name}", demuxer) as found:
                yield found
            return
    mp3 = mp3_frames(file, size) if head.startswith((b"ID3", b"\xff")) else None
    if mp3 and (mp3.incomplete or mp3.count < (mp3.announced or 0) - 1):  # some encoders count the header's frame
        raise ClipError(f"is truncated: {_missing_frames(mp3)}")
    unclosed = _unclosed(file, head, size)
    file.seek(0)
    try:
        decoder = _Sequential(file if unclosed is None else _Overlay(file, unclosed, b"\xff\xff\xff\xff"))
    except soundfile.LibsndfileError as error:
        demuxer = CONTAINERS.get(head[:4], "")
        if demuxer and (error.code == UNSUPPORTED or b"Speex" in head):
            with _by_ffmpeg(source, "libsndfile does not decode its encoding", demuxer) as found:
                yield found
            return
        raise ClipError(f"cannot be decoded: {error.error_string.rstrip('.')}" if size else "is empty") from None
    with decoder:
        if mp3 and abs(decoder.frames - mp3.count * mp3.samples) > MPEG_TOLERANCE:
            found_seconds, seconds = (n / decoder.samplerate for n in (decoder.frames, mp3.count * mp3.samples))
            header = "with a wrong Xing header" if mp3.announced else "of variable bit rate without a Xing header"
            reason = f"it is an MP3 {header}, and of its {seconds:.1f} s libsndfile finds {found_seconds:.1f} s"
            with _by_ffmpeg(source, reason, "mp3") as found:
                yield found
            return
        audio = _by_libsndfile(decoder, head, size)
        audio.note = audio.note if unclosed is None else UNCLOSED_NOTE
        yield audio


@contextlib.contextmanager
def _by_ffmpeg(source: Path | BinaryIO, reason: str, demuxer: str) -> Iterator[AudioFile]:
    if not ffmpeg():
        raise ClipError(
            f"{NEEDS_FFMPEG}{reason}. Install ffmpeg, or convert the file elsewhere: ffmpeg -i FILE FILE.wav ({READ})."
        )
    with opened_by_ffmpeg(source, demuxer) as decoder:

        def read(frames: int) -> Shaped[np.ndarray, "frames channels"]:
            block = decoder.read(frames)
            if len(block) < frames and (problem := decoder.problem()):
                found.note = f"may be damaged: ffmpeg reports: {problem}"
            return block

        found = AudioFile(decoder.sample_rate, None, read)
        yield found


class _Sequential(soundfile.SoundFile):
    """A file without positions: some formats have none, and for others libsndfile's are wrong at the end."""

    def seekable(self) -> bool:
        return False


def _by_libsndfile(decoder: Any, head: bytes, size: int) -> AudioFile:
    frames: int | None = decoder.frames if decoder.frames < UNKNOWN_LENGTH else None
    note = _checked_log(decoder.extra_info, size)
    if decoder.format == "NIST" and (count := re.search(rb"sample_count -i (\d+)", head)):
        frames = max(decoder.frames, int(count[1]))
    least = (frames or 0) - (MPEG_TOLERANCE if decoder.subtype.startswith("MPEG") else 0)
    dtype = "int16" if decoder.subtype == "PCM_16" else "float32"  # the same samples, in a third of the time
    rate, done = decoder.samplerate, 0

    def read(count: int) -> Shaped[np.ndarray, "frames channels"]:
        nonlocal done
        count = count if frames is None else min(count, frames - done)  # another file may follow in a FLAC file
        try:
            block = decoder.read(count, dtype=dtype, always_2d=True)
        except soundfile.LibsndfileError:
            raise ClipError("is truncated or damaged: it cannot be decoded to its end") from None
        done += len(block)
        if frames and len(block) < count and done < least:
            raise ClipError(f"is truncated: it ends after {done / rate:.2f} of {frames / rate:.2f} s")
        return block

    return AudioFile(rate, frames, read, note)


def _checked_log(log: str, size: int) -> str:
    """A note on wrong sizes in a header, from libsndfile's log; `ClipError` if samples are missing."""
    outer = streamed = False
    for name, number, right in SIZE.findall(log):
        announced, there = int(number), int(right or number)
        none = STREAMED <= announced <= 0xFFFFFFFF or announced >= UNKNOWN_LENGTH
        missing = announced - (there if right else min(announced, size))
        if name.lower() in INNER and missing > 0:
            if none:
                streamed = True
            elif announced in (size, size - 8):  # the length of the file instead of that of the samples
                outer = True
            else:
                raise ClipError(f"is truncated: its header announces {missing:,} more bytes")
        elif name.lower() in OUTER and missing > 0 and not none:
            outer = True
    if "Seems to be a truncated file" in log or "Junk after the last page" in log:  # VOC, Ogg
        raise ClipError("is truncated: its last block is incomplete")
    if "Last page lacks an end-of-stream bit" in log:
        return END_NOTE
    if streamed:
        return STREAM_NOTE
    return SIZE_NOTE if outer else ""


def _unclosed(file: BinaryIO, head: bytes, size: int) -> int | None:
    """The position of the length of a WAV file's samples, if it is 0 and samples follow; None for other files."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    position = 12
    while position + 16 < size:
        file.seek(position)
        name, length, following, rest = struct.unpack("<4sI4sI", file.read(16))
        if name == b"data":
            another = following.isalpha() and position + 16 + rest <= size  # a chunk after no samples
            return None if length or another else position + 4
        position += 8 + length + length % 2
    return None


class _Overlay(io.RawIOBase):
    """A file, of which some bytes are replaced."""

    def __init__(self, file: BinaryIO, position: int, content: bytes) -> None:
        self._file, self._begin, self._content = file, position, content

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        begin = self.tell()
        content = bytearray(self._file.read(len(buffer)))
        for at, byte in enumerate(self._content, self._begin - begin):
            if 0 <= at < len(content):
                content[at] = byte
        buffer[: len(content)] = content
        return len(content)


def _missing_frames(mp3: Mp3Frames) -> str:
    if mp3.announced:
        return f"its header announces {mp3.announced:,} frames, it has {mp3.count:,}"
    return "its last frame is incomplete"
