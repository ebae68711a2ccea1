"""Batches for training: grain over the store or the features cache, shuffled anew each epoch from a seed."""

import functools
from dataclasses import dataclass
from typing import Protocol

import grain
import numpy as np
from jaxtyping import Int

from aersut.data.collection import Collection
from aersut.data.table import Table

Batch = dict[str, np.ndarray]


class Source(Protocol):
    """Training examples that can be had in any order, a batch at a time."""

    @property
    def labels(self) -> Int[np.ndarray, " examples"]:
        """The class of each example."""

    def batch(self, examples: Int[np.ndarray, " batch"], seeds: Int[np.ndarray, " batch"]) -> Batch:
        """The examples at these places; a seed is the example's own, in this epoch."""


@dataclass(frozen=True)
class FeatureSource:
    """Examples {"features": f32[batch, frames, channels], "label": i32[batch]} from the features cache.

    Attributes:
        table: unscaled features of each version of each clip.
        items: the (clip, version) pairs of the training part.
        labels: the class of each of them.
    """

    table: Table
    items: Int[np.ndarray, "examples 2"]
    labels: Int[np.ndarray, " examples"]

    def batch(self, examples: Int[np.ndarray, " batch"], seeds: Int[np.ndarray, " batch"]) -> Batch:
        return {"features": self.table.take(self.items[examples]), "label": self.labels[examples]}


@dataclass(frozen=True)
class AudioSource:
    """Examples {"audio": i16[batch, samples], "label": i32[batch]} from the store, for augmentation on the fly.

    Attributes:
        collection: the clips.
        items: the (clip, version) pairs of the training part; all of version 0.
        labels: the class of each of them.
    """

    collection: Collection
    items: Int[np.ndarray, "examples 2"]
    labels: Int[np.ndarray, " examples"]

    def batch(self, examples: Int[np.ndarray, " batch"], seeds: Int[np.ndarray, " batch"]) -> Batch:
        pairs = zip(self.items[examples, 0], seeds, strict=True)
        windows = [self.collection.window(clip, np.random.default_rng(seed)) for clip, seed in pairs]
        return {"audio": np.stack(windows), "label": self.labels[examples]}


def training_batches(
    source: Source, batch_size: int, seed: int, balanced: bool = False, shard: tuple[int, int] = (0, 1)
) -> grain.DatasetIterator[Batch]:
    """An endless iterator of batches; every `len(labels) // batch_size` of them are one epoch, in an order of its own.

    What an epoch leaves over is dropped: a smaller batch would be compiled again. Checkpoints save its position. Places
    are shuffled and a batch is read at once, which is several times as fast as reading example by example.

    Args:
        batch_size: over all processes.
        balanced: draw each class equally often, the rare ones repeatedly.
        shard: (index, count) of this process; each gets its share of every batch, the first its beginning.
    """
    index, count = shard
    size = batch_size // count
    share = slice(index * size, (index + 1) * size)

    def read(examples: Int[np.ndarray, " batch"], rng: np.random.Generator) -> Batch:
        seeds = rng.integers(2**63, size=batch_size)  # of the whole batch, so that they are the same in any division
        return source.batch(examples[share], seeds[share])

    if balanced:
        classes = [np.flatnonzero(source.labels == label) for label in np.unique(source.labels)]
        places = grain.MapDataset.mix(
            [grain.MapDataset.source(places).seed(seed + n).shuffle().repeat() for n, places in enumerate(classes)]
        ).batch(batch_size)
    else:
        steps = len(source.labels) // batch_size

        @functools.lru_cache(1)
        def order(epoch: int) -> Int[np.ndarray, " examples"]:
            return np.random.default_rng([seed, epoch]).permutation(len(source.labels))

        # grain's own shuffle is asked example by example, which takes longer than reading them
        def next_places(number: int, step: int) -> Int[np.ndarray, " batch"]:
            return order(number // steps)[step * batch_size :][:batch_size]

        places = grain.MapDataset.range(steps).repeat().map_with_index(next_places)
    dataset = places.seed(seed).random_map(read)
    return iter(dataset.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=4)))
