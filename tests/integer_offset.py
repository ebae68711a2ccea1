"""The removal of the DC offset in the integer arithmetic of C, sample by sample."""

import numpy as np


def without_offset(samples: np.ndarray) -> np.ndarray:
    """The samples minus their running mean; divisions round towards zero."""
    mean, kept = 0, []
    for count, sample in enumerate(samples.tolist(), start=1):
        mean += int(((sample << 14) - mean) / min(count, 1 << 13))
        kept.append(sample - int(mean / (1 << 14)))
    return np.clip(kept, -32768, 32767).astype(np.int16)
