"""Synthetic speech for the tests of the export."""

import numpy as np
import pytest

from aersut.config import Data
from aersut.contracts import Framing
from aersut.corpora import Synthetic
from aersut.data.collection import collect

FRAMING = Framing(sample_rate=16_000, seconds=1.0, frame_length=512, hop_length=256)


@pytest.fixture(scope="package")
def voices() -> np.ndarray:
    """Windows of synthetic speech under `FRAMING`, i16[4, 16000]."""
    collection = collect(Data(corpora=(Synthetic(speakers=2, repetitions=1),)), FRAMING)
    return np.stack([collection.window(clip) for clip in range(0, 16, 4)])
