"""Decoding by the program ffmpeg, where it is installed, of recordings of phones and browsers.

The program is called directly: it is one command, which its packages keep stable. audioread wraps the same command;
PyAV brings its own copy of the libraries, of 30 MB, to a device that may have them.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

AU_HEADER = 24
"""Bytes; what ffmpeg writes is Sun's AU, the simplest header of a format of floats."""


class FfmpegError(Exception):
    """A file that ffmpeg cannot decode; the message is its own."""


def ffmpeg() -> str | None:
    """The path of the program; None if it is not installed."""
    return shutil.which("ffmpeg")


class FfmpegFile:
    """The first audio stream of a file, decoded from its start to its end.

    Attributes:
        sample_rate: in Hz.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: BinaryIO) -> None:
        assert process.stdout
        self._process, self._output, self._log = process, process.stdout, log
        header = self._output.read(AU_HEADER)
        if len(header) < AU_HEADER:
            problem = self.problem()
            raise FfmpegError("no audio" if not problem or "matches no streams" in problem else problem)
        _, offset, _, _, self.sample_rate, self._channels = struct.unpack(">6I", header)
        self._output.read(offset - AU_HEADER)

    def read(self, frames: int) -> Float[np.ndarray, "frames channels"]:
        """The next samples of each channel, fewer at the end."""
        content = self._output.read(4 * frames * self._channels)
        samples = np.frombuffer(content, ">f4", len(content) // (4 * self._channels) * self._channels)
        return samples.astype(np.float32).reshape(-1, self._channels)

    def problem(self) -> str:
        """What ffmpeg reported, after the end; "" if it decoded everything."""
        self._process.wait()
        self._log.seek(0)
        first, *_ = [*self._log.read().decode(errors="replace").splitlines(), ""]  # the others follow from it
        return re.sub(r"^(\[[^]]*\]|file:.*?:) +", "", first.strip())


@contextlib.contextmanager
def opened_by_ffmpeg(source: Path | BinaryIO, demuxer: str) -> Iterator[FfmpegFile]:
    """Decode a file by ffmpeg, which has to be installed.

    Args:
        demuxer: ffmpeg's name of the format. It is not left to ffmpeg: a playlist would let a file name others.

    Raises:
        FfmpegError: ffmpeg finds no audio in it.
    """
    program = ffmpeg()
    assert program
    with contextlib.ExitStack() as stack:
        if not isinstance(source, Path):  # MPEG-4 has its index at the end, so a pipe does not suffice
            path = Path(stack.enter_context(tempfile.TemporaryDirectory()), "audio")
            source.seek(0)
            with path.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            source = path
        command = [program, "-nostdin", "-loglevel", "error", "-protocol_whitelist", "file,pipe", "-f", demuxer]
        command += ["-i", f"file:{source.absolute()}", "-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
        log = stack.enter_context(tempfile.TemporaryFile())
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        stack.enter_context(process)
        stack.callback(process.kill)  # before it is waited for; no effect after its end
        yield FfmpegFile(process, log)
