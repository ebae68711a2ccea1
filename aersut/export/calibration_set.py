"""Selection of the training clips that calibrate the quantizer."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from aersut.errors import UserError

EACH = 2
"""The minimum number of clips of an emotion that has so many; a single one is not representative."""


def choose_calibration_set(
    examples: Int[np.ndarray, "examples 2"],
    labels: Int[np.ndarray, " clips"],
    emotions: Sequence[str],
    count: int,
    seed: int,
) -> Int[np.ndarray, "chosen 2"]:
    """Draw up to `count` (clip, version) pairs from the training set, balanced over emotions as far as clips allow.

    Augmented copies are drawn only where the training set has no original clips. A class without training clips, which
    `data.emotions` may fix, has none here.

    Raises:
        UserError: `count` is less than two per emotion.
    """
    if count < EACH * len(emotions):
        raise UserError(
            f"{count} clips are too few to calibrate int8 for {len(emotions)} emotions: set --export.calibration to at "
            f"least {EACH * len(emotions)}."
        )
    originals = examples[examples[:, 1] == 0]
    pool = originals if len(originals) else examples
    rng = np.random.default_rng(seed)
    by_emotion = [rng.permutation(pool[labels[pool[:, 0]] == index]) for index in range(len(emotions))]
    turns = [found[turn] for turn in range(max(map(len, by_emotion))) for found in by_emotion if turn < len(found)]
    return np.stack(turns[:count])
