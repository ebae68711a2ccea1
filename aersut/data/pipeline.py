"""Training batches: a grain pipeline over the audio store or the features cache, reshuffled in each epoch."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from jaxtyping import Float, Int

from aersut.data.collection import Collection
from aersut.data.feature_table import FeatureTable

if TYPE_CHECKING:
    import grain

Batch = dict[str, np.ndarray]
Labels = Int[np.ndarray, " examples"] | Float[np.ndarray, "examples classes"]
"""The class of each example, or its distribution over the classes."""


class ExampleSource(Protocol):
    """Training examples with random access, a batch at a time."""

    @property
    def labels(self) -> Labels:
        """The label of each example."""

    def batch(self, indices: Int[np.ndarray, " batch"], seeds: Int[np.ndarray, " batch"]) -> Batch:
        """The examples at these indices; each seed belongs to one example in one epoch."""


@dataclass(frozen=True)
class FeatureSource:
    """Batches {"features": f32[batch, frames, channels], "label": …} from the features cache.

    Attributes:
        table: base features of each version of each clip.
        examples: the (clip, version) pairs of the training set.
        labels: the label of each example.
    """

    table: FeatureTable
    examples: Int[np.ndarray, "examples 2"]
    labels: Labels

    def batch(self, indices: Int[np.ndarray, " batch"], seeds: Int[np.ndarray, " batch"]) -> Batch:
        return {"features": self.table.take(self.examples[indices]), "label": self.labels[indices]}


@dataclass(frozen=True)
class AudioSource:
    """Batches {"audio": i16[batch, samples], "label": …} from the audio store, for on-the-fly augmentation.

    The version of each example is 0, since the training step itself augments.
    """

    collection: Collection
    examples: Int[np.ndarray, "examples 2"]
    labels: Labels

    def batch(self, indices: Int[np.ndarray, " batch"], seeds: Int[np.ndarray, " batch"]) -> Batch:
        pairs = zip(self.examples[indices, 0], seeds, strict=True)
        windows = [self.collection.window(clip, np.random.default_rng(seed)) for clip, seed in pairs]
        return {"audio": np.stack(windows), "label": self.labels[indices]}


def sampling_groups(
    sampling: Literal["shuffle", "balanced", "corpora"], labels: Int[np.ndarray, " examples"], corpora: Sequence[str]
) -> Int[np.ndarray, " examples"] | None:
    """The groups of the examples that `experiment.sampling` draws equally often; None draws each example once.

    >>> sampling_groups("corpora", np.array([0, 1, 1]), ["ravdess", "cremad", "ravdess"]).tolist()
    [1, 0, 1]
    """
    match sampling:
        case "balanced":
            return labels
        case "corpora":
            return np.unique(corpora, return_inverse=True)[1]
    return None


def training_batches(
    source: ExampleSource,
    batch_size: int,
    seed: int,
    groups: Int[np.ndarray, " examples"] | None = None,
    shard: tuple[int, int] = (0, 1),
) -> "grain.DatasetIterator[Batch]":
    """An endless iterator of batches; each epoch has `len(labels) // batch_size` of them, in a new order.

    The remainder of an epoch is dropped, since a smaller batch would be compiled again. Checkpoints save the position
    of the iterator. Indices are shuffled and a whole batch is read at once, which is several times as fast as reading
    example by example.

    Args:
        batch_size: over all processes.
        groups: of the examples, such as their classes; each group is drawn equally often, a small one repeatedly. None
            draws each example once per epoch.
        shard: (index, count) of this process; process `index` reads the index-th of `count` equal slices of each batch.
    """
    import grain  # deferred: evaluation and prediction do without it

    index, count = shard
    size = batch_size // count
    own = slice(index * size, (index + 1) * size)

    def read(indices: Int[np.ndarray, " batch"], rng: np.random.Generator) -> Batch:
        seeds = rng.integers(2**63, size=batch_size)  # of the whole batch, so that they do not depend on the shards
        return source.batch(indices[own], seeds[own])

    if groups is not None:
        members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
        batches = grain.MapDataset.mix(
            [grain.MapDataset.source(indices).seed(seed + n).shuffle().repeat() for n, indices in enumerate(members)]
        ).batch(batch_size)
    else:
        steps = len(source.labels) // batch_size

        @functools.lru_cache(1)
        def order(epoch: int) -> Int[np.ndarray, " examples"]:
            return np.random.default_rng([seed, epoch]).permutation(len(source.labels))

        # grain's own shuffle works example by example, which takes longer than reading them
        def batch_indices(number: int, step: int) -> Int[np.ndarray, " batch"]:
            return order(number // steps)[step * batch_size :][:batch_size]

        batches = grain.MapDataset.range(steps).repeat().map_with_index(batch_indices)
    dataset = batches.seed(seed).random_map(read)
    return iter(dataset.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=4)))
