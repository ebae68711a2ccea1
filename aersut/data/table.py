"""The features cache on disk: one array, of which any rows can be read without the rest coming into memory."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int


class Table:
    """Unscaled features of each version of each clip, f32[clips, versions, frames, channels], in a .npy file.

    Rows are read with `pread` into arrays of their own. A mapped file would do, but its pages count as the process's
    memory, and a corpus of 100,000 clips has gigabytes of them.

    Attributes:
        shape: (clips, versions, frames, channels).
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            self.shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
            self._begin = file.tell()
        if fortran or dtype != np.float32 or len(self.shape) != 4:
            raise ValueError(f"{path} is no features cache: expected f32[clips, versions, frames, channels]")
        self._file = os.open(path, os.O_RDONLY)

    def __del__(self, close: Callable[[int], None] = os.close) -> None:  # at exit, os may be gone before the table is
        if hasattr(self, "_file"):
            close(self._file)

    def take(self, items: Int[np.ndarray, "items 2"]) -> Float[np.ndarray, "items frames channels"]:
        """The features of these (clip, version) pairs."""
        _, versions, frames, channels = self.shape
        size = 4 * frames * channels
        rows = np.empty((len(items), frames, channels), np.float32)
        for row, (clip, version) in zip(rows, items.tolist(), strict=True):
            content = os.pread(self._file, size, self._begin + (clip * versions + version) * size)
            row[:] = np.frombuffer(content, np.float32).reshape(frames, channels)
        return rows
