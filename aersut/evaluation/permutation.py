"""Permutation importance: the drop of UAR when feature channels are taken from other clips."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from aersut.evaluation.intervals import Resampling

REPEATS = 3
UarDrop = dict[str, Any]
"""{"uar_drop": UAR of unchanged clips minus UAR of changed clips, "interval": its (low, high) by speaker, or None}."""


def permutation_importance(
    predict: Callable[[Float[np.ndarray, "clips frames channels"]], Int[np.ndarray, " clips"]],
    features: Float[np.ndarray, "clips frames channels"],
    labels: Int[np.ndarray, " clips"],
    resampling: Resampling,
    groups: Mapping[str, slice],
    repeats: int = REPEATS,
    seed: int = 0,
) -> dict[str, UarDrop]:
    """The drop of UAR when a group of channels is permuted over the clips (Breiman 2001; Fisher et al. 2019).

    All frames of a channel are taken from the same other clip, so its course over time stays natural. The interval is
    over speakers; each bootstrap sample is evaluated with and without the permutation.

    Args:
        predict: the classifier: features to predicted classes.
        groups: channels that are permuted together, by name.

    Returns:
        A `UarDrop` for each group, negative where the classifier is better with permuted channels.
    """
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(features)) for _ in range(repeats)]

    def permuted(channels: slice) -> Iterator[Int[np.ndarray, " clips"]]:
        for order in orders:
            changed = features.copy()
            changed[:, :, channels] = features[order][:, :, channels]
            yield predict(changed)

    unchanged = predict(features)
    return {name: uar_drop(labels, unchanged, permuted(channels), resampling) for name, channels in groups.items()}


def uar_drop(
    labels: Int[np.ndarray, " clips"],
    unchanged: Int[np.ndarray, " clips"],
    changed: Iterable[Int[np.ndarray, " clips"]],
    resampling: Resampling,
) -> UarDrop:
    """The mean drop of UAR from the predictions on `unchanged` clips to each of the predictions on `changed` clips."""
    after = list(changed)
    classes = int(max(one.max() for one in (labels, unchanged, *after))) + 1
    drop, interval = resampling.uar_drop(labels, unchanged, after, classes)
    return {"uar_drop": drop, "interval": interval}
