"""The features cache on disk: one array whose rows are read at random, without loading the rest."""

import os
import weakref
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int


class FeatureTable:
    """Base features of each version of each clip, f32[clips, versions, frames, channels], in a .npy.

    Rows are read with `preadv` into new arrays. The pages of a memory-mapped file would count as memory of the process,
    and those of 100,000 clips are gigabytes.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            self.shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
            self._begin = file.tell()
        if fortran or dtype != np.float32 or len(self.shape) != 4:
            raise ValueError(f"{path} is not a features cache: expected f32[clips, versions, frames, channels]")
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def take(self, examples: Int[np.ndarray, "examples 2"]) -> Float[np.ndarray, "examples frames channels"]:
        """The features of examples, (clip, version) pairs."""
        _, versions, frames, channels = self.shape
        size = 4 * frames * channels
        rows = np.empty((len(examples), frames, channels), np.float32)
        for row, (clip, version) in zip(rows, examples.tolist(), strict=True):
            if os.preadv(self._file, [row.data], self._begin + (clip * versions + version) * size) < size:
                raise ValueError(f"the features cache ends before clip {clip}, version {version}")
        return rows
