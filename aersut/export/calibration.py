"""Which training clips show the quantizer what values occur."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from aersut.errors import UserError

EACH = 2
"""The fewest clips of an emotion; the range of a single one says little."""


def choose(
    items: Int[np.ndarray, "items 2"],
    labels: Int[np.ndarray, " clips"],
    emotions: Sequence[str],
    count: int,
    seed: int,
) -> Int[np.ndarray, "chosen 2"]:
    """Draw about `count` of the training part's (clip, version) pairs, as many of each emotion as far as there are any.

    The clip itself is taken rather than its augmented copies, where it is in the part.

    Raises:
        UserError: an emotion has no clip there, or fewer than two; or `count` is less than two for each.
    """
    if count < EACH * len(emotions):
        raise UserError(
            f"{count} clips are too few to calibrate {len(emotions)} emotions with: ask for at least "
            f"{EACH * len(emotions)} with --export.calibration."
        )
    plain = items[items[:, 1] == 0]
    part = plain if len(plain) else items
    rng = np.random.default_rng(seed)
    by_emotion = [rng.permutation(part[labels[part[:, 0]] == index]) for index in range(len(emotions))]
    if absent := [emotion for emotion, found in zip(emotions, by_emotion, strict=True) if not len(found)]:
        raise UserError(
            f"no training clip is {' or '.join(absent)}, so int8 cannot be calibrated for it: add such clips, or leave "
            "the emotion out of data.emotions, and train again."
        )
    if few := [emotion for emotion, found in zip(emotions, by_emotion, strict=True) if len(found) < EACH]:
        raise UserError(
            f"too few clips to calibrate int8 with: the training part has fewer than {EACH} of {', '.join(few)}. Add "
            "clips, or leave the emotion out of data.emotions, and train again."
        )
    turns = [found[turn] for turn in range(max(map(len, by_emotion))) for found in by_emotion if turn < len(found)]
    return np.stack(turns[:count])
