"""The removal of the DC offset in the integer arithmetic of C, sample by sample."""

import numpy as np


def without_offset(samples: np.ndarray) -> np.ndarray:
    """The samples minus their running mean; divisions round towards zero."""
    mean, kept = int(samples[0]) << 14, []
    for sample in samples.tolist():
        mean += int(((sample << 14) - mean) / (1 << 13))
        kept.append(sample - int(mean / (1 << 14)))
    return np.clip(kept, -32768, 32767).astype(np.int16)
