"""The frames of an MP3 file, counted by their headers: libsndfile takes the length of a file from its first frames."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

SEARCH = 1 << 16
"""Bytes in which the next frame is searched for where none follows, as after a tag inside a stream."""
LAYER_3 = {3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)}
LAYER_2 = {3: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)}
LOW_RATES = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""Bit rates in kbit/s of MPEG-1 (3) by their index in the header, and of both layers of MPEG-2 and MPEG-2.5."""
SAMPLE_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""By version: MPEG-1, MPEG-2, MPEG-2.5."""


@dataclass(frozen=True)
class Mp3Frames:
    """The frames of an MP3 file.

    Attributes:
        count: complete frames, without the one that contains the Xing header.
        samples: in each frame, per channel.
        announced: frames by the Xing, Info or VBRI header; None without one.
        incomplete: the file ends within a frame.
    """

    count: int
    samples: int
    announced: int | None
    incomplete: bool


@dataclass(frozen=True)
class _Frame:
    bytes: int
    samples: int


def mp3_frames(file: BinaryIO, size: int) -> Mp3Frames | None:
    """Count the frames of a file of `size` bytes; None if it is no MPEG audio of layer 2 or 3."""
    position = _after_tags(file)
    announced: int | None = None
    count = samples = 0
    while position + 4 <= size:
        file.seek(position)
        frame = _frame(file.read(4))
        if frame is None or (not count and not _followed(file, position + frame.bytes, size)):
            found = _search(file, position, size)
            if found is None:
                break
            position = found
            continue
        if position + frame.bytes > size:
            return Mp3Frames(count, frame.samples, announced, incomplete=True) if count else None
        if not samples:
            samples = frame.samples
            file.seek(position)
            announced = _announced(file.read(min(frame.bytes, 256)))
            count -= announced is not None
        count += 1
        position += frame.bytes
    return Mp3Frames(count, samples, announced, incomplete=False) if samples else None


def _frame(head: bytes) -> _Frame | None:
    """Length of a frame in bytes and samples, by its first four bytes; None if they are no header of layer 2 or 3."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3  # 1: layer 3, 2: layer 2
    rate_index, bits_index = head[2] >> 2 & 3, head[2] >> 4
    if version == 1 or layer not in (1, 2) or rate_index == 3 or not 0 < bits_index < 15:
        return None
    table = (LAYER_3 if layer == 1 else LAYER_2).get(version, LOW_RATES)
    samples = 576 if layer == 1 and version != 3 else 1152
    length = samples // 8 * 1000 * table[bits_index] // SAMPLE_RATES[version][rate_index] + (head[2] >> 1 & 1)
    return _Frame(length, samples)


def _after_tags(file: BinaryIO) -> int:
    """Position after the ID3v2 tags at the start."""
    position = 0
    while True:
        file.seek(position)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3":
            return position
        sizes = head[6:10]
        position += 10 + sum((byte & 127) << shift for byte, shift in zip(sizes, (21, 14, 7, 0), strict=True))
        position += 10 if head[5] & 16 else 0  # a footer


def _followed(file: BinaryIO, position: int, size: int) -> bool:
    """Whether a frame begins at a position, or the file ends there or before."""
    file.seek(position)
    return position >= size or _frame(file.read(4)) is not None


def _search(file: BinaryIO, position: int, size: int) -> int | None:
    """The next position of a frame that another one follows; None if there is none nearby, as in a tag at the end."""
    file.seek(position)
    content = file.read(SEARCH)
    at = content.find(b"\xff", 1)
    while at >= 0:
        frame = _frame(content[at : at + 4])
        if frame and position + at + frame.bytes < size and _followed(file, position + at + frame.bytes, size):
            return position + at
        at = content.find(b"\xff", at + 1)
    return None


def _announced(frame: bytes) -> int | None:
    """The number of frames in the Xing, Info or VBRI header of the first frame; None if it has none."""
    for name in (b"Xing", b"Info"):
        at = frame.find(name)
        if at >= 0 and len(frame) >= at + 12:
            flags, frames = struct.unpack_from(">II", frame, at + 4)
            return frames if flags & 1 else 0
    at = frame.find(b"VBRI")
    if at >= 0 and len(frame) >= at + 18:
        return int(struct.unpack_from(">I", frame, at + 14)[0])
    return None
