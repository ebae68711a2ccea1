"""Whether anybody speaks: a gate, so that silence is not called an emotion."""

import numpy as np
from jaxtyping import Float

GATE = -55.0
"""In dB of full scale: what stays under it is silence. 99 % of RAVDESS's clips, recorded with room to spare, pass."""

LIVELY = 6.0
"""In dB: how much louder than its pauses speech is. With pink noise 5 dB under it, it is by 9, the noise alone by 3."""


def speaks(samples: Float[np.ndarray, " samples"], sample_rate: int, gate: float | None = GATE) -> bool:
    """Whether a stretch of sound holds a voice, by the levels of its frames of 20 ms.

    A tenth of them is louder than `gate`, and they are not all about as loud: steady noise is no voice, however loud.
    It depends on nothing else, so that a stream and a file give the same.

    Args:
        samples: in [-1, 1].
        gate: in dB of full scale; None lets everything pass.
    """
    if gate is None:
        return True
    length = max(1, sample_rate // 50)
    frames = samples[: len(samples) // length * length].reshape(-1, length)
    if not len(frames):
        return False
    power = np.var(frames, axis=1, dtype=np.float64)  # about each frame's mean, which takes rumble away
    levels = 10 * np.log10(np.maximum(power, 1e-12))
    loud, quiet = np.percentile(levels, (90, 10))
    return bool(loud >= gate and loud - quiet >= LIVELY)
