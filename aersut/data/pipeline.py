"""Batches for training: grain over the store or the features cache, shuffled anew each epoch from a seed."""

from typing import Protocol, SupportsIndex

import grain
import numpy as np
from jaxtyping import Float, Int

from aersut.data.collection import Collection

Batch = dict[str, np.ndarray]


class Source(Protocol):
    """A random-access source of examples."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: SupportsIndex) -> Batch: ...


class FeatureSource:
    """Examples {"features": f32[frames, channels], "label": i32[]} from the features cache."""

    def __init__(
        self,
        table: Float[np.ndarray, "clips versions frames channels"],
        items: Int[np.ndarray, "items 2"],
        labels: Int[np.ndarray, " clips"],
    ) -> None:
        self._table, self._items, self._labels = table, items, labels

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: SupportsIndex) -> Batch:
        clip, version = self._items[index]
        return {"features": self._table[clip, version], "label": self._labels[clip]}


class AudioSource:
    """Examples {"audio": i16[samples], "label": i32[]} from the store, for augmentation on the fly."""

    def __init__(
        self, collection: Collection, items: Int[np.ndarray, "items 2"], labels: Int[np.ndarray, " clips"]
    ) -> None:
        self._collection, self._items, self._labels = collection, items, labels

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: SupportsIndex) -> Batch:
        clip = self._items[index][0]
        return {"audio": self._collection.window(clip), "label": self._labels[clip]}


def training_batches(source: Source, batch_size: int, seed: int) -> grain.DatasetIterator[Batch]:
    """An endless iterator of batches; every `len(source) // batch_size` of them are one epoch, in an order of its own.

    What an epoch leaves over is dropped: a smaller batch would be compiled again. Checkpoints save its position.
    """
    dataset = grain.MapDataset.source(source).seed(seed).shuffle().batch(batch_size, drop_remainder=True).repeat()
    return iter(dataset.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=4)))
