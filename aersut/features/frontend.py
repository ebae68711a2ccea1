"""The frontend: augmenters, features and scaling as one function from samples to what the network reads.

It owns the cache of its output, too. Training, evaluation and export all use this one object, so that there is no
second implementation to drift.
"""

import hashlib
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Int16

from aersut.augment.example import Example
from aersut.config import digest, to_tree
from aersut.contracts import Augmenter, Feature, Framing
from aersut.data.collection import Collection
from aersut.data.table import Table
from aersut.features import mel as mel_module
from aersut.features import signal as signal_module
from aersut.features.signal import Signal
from aersut.paths import cache_dir, new_folder

BATCH = 64  # clips that are transformed together: a few tens of MB


@dataclass(frozen=True)
class Scaling:
    """Subtract `mean` and divide by `deviation`, channel by channel; f32[channels] each."""

    mean: Float[Array | np.ndarray, " channels"]
    deviation: Float[Array | np.ndarray, " channels"]

    def __call__(self, features: Float[Array, "*batch frames channels"]) -> Float[Array, "*batch frames channels"]:
        return (features - self.mean) / self.deviation


@dataclass(frozen=True)
class Frontend:
    """What lies between a window of samples and the network.

    Attributes:
        framing: how windows are cut into frames.
        features: their channels stand side by side, in this order.
        augment: applied in this order, to training examples only.
        classes: of the label distributions.
        scaling: fitted by `fit_scaling`; the features are left as they are until then.
    """

    framing: Framing
    features: tuple[Feature, ...]
    augment: tuple[Augmenter, ...]
    classes: int
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        for feature in self.features:
            feature.check(self.framing)

    @property
    def channels(self) -> int:
        """Columns of all features together."""
        return sum(feature.channels for feature in self.features)

    @property
    def shape(self) -> tuple[int, int]:
        """(frames, channels) of one clip."""
        return self.framing.frames, self.channels

    def scaled(self, features: Float[Array, "*batch frames channels"]) -> Float[Array, "*batch frames channels"]:
        """Unscaled features as the network reads them."""
        return features if self.scaling is None else self.scaling(features)

    def extract(self, samples: Float[Array, " samples"]) -> Float[Array, "frames channels"]:
        """Unscaled features of one window of samples in [-1, 1]; none of them may run on the host."""
        signal = Signal(samples, self.framing)
        return jnp.concatenate([feature(signal) for feature in self.features], axis=1)

    def changed(self, key: jax.Array, example: Example, domain: str) -> Example:
        """Apply the augmenters of one domain, each with a key of its own."""
        for place, augmenter in enumerate(self.augment):
            if augmenter.domain == domain:
                example = augmenter(jax.random.fold_in(key, place), example)
        return example

    def training_inputs(
        self, key: jax.Array, batch: dict[str, Array]
    ) -> tuple[Float[Array, "batch frames channels"], Float[Array, "batch classes"]]:
        """Scaled features and label distributions of a training batch; inside the jitted step.

        Waveform augmenters run here only where the batch holds audio (on the fly), since cached copies have them
        already; what augments features or mixes a batch is cheap and always runs here.

        Args:
            batch: "label", i32[batch], and either "features" (unscaled, of cached copies) or "audio", i16[batch,
                samples], which is augmented and transformed here, on the fly.
        """
        label = jax.nn.one_hot(batch["label"], self.classes)
        keys = jax.random.split(jax.random.fold_in(key, 0), len(label))
        if "audio" in batch:
            examples = Example(_to_float(batch["audio"]), label, self.framing.sample_rate)
            examples = jax.vmap(lambda k, one: self.changed(k, one, "waveform"))(keys, examples)
            examples = replace(examples, values=jax.vmap(self.extract)(examples.values))
        else:
            examples = Example(batch["features"], label, self.framing.sample_rate)
        examples = jax.vmap(lambda k, one: self.changed(k, one, "features"))(keys, examples)
        examples = self.changed(jax.random.fold_in(key, 1), examples, "batch")
        return self.scaled(examples.values), examples.label

    def cached(self, collection: Collection, used: Bool[np.ndarray, "clips versions"], seed: int) -> Table:
        """Unscaled features of every version of every clip that is used, from disk; computed where they are not there.

        Version 0 is the clip itself, the others are augmented copies whose randomness is the seed's, the clip's and the
        version's alone. Rows that are not used hold zeros.
        """
        augment = to_tree(self.augment) if used.shape[1] > 1 else []
        plugins = {type(plugin) for plugin in (*self.features, *self.augment)}
        key = digest(
            [
                *(
                    collection.key,
                    to_tree(self.framing),
                    to_tree(self.features),
                    augment,
                    seed if used.shape[1] > 1 else None,
                ),
                *(used.shape, hashlib.sha256(used.tobytes()).hexdigest(), _sources(plugins)),
            ]
        )
        folder = cache_dir() / "features" / key
        if not folder.is_dir():
            with new_folder(folder) as aside:
                self._compute(aside / "features.npy", collection, used, seed)
        return Table(folder / "features.npy")

    def fit_scaling(self, table: Table, items: Int[np.ndarray, "items 2"]) -> "Frontend":
        """The frontend with each channel's mean and deviation over `items`, the training part's (clip, version) pairs.

        A channel that never changes keeps its deviation at 1.
        """
        total, squares, count = np.zeros(self.channels), np.zeros(self.channels), 0
        for rows in _blocks(items):
            values = table.take(rows).astype(np.float64).reshape(-1, self.channels)
            total, squares, count = total + values.sum(0), squares + np.square(values).sum(0), count + len(values)
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - np.square(mean), 0))
        deviation[deviation < 1e-6 * np.maximum(1, np.abs(mean))] = 1
        return replace(self, scaling=Scaling(mean.astype(np.float32), deviation.astype(np.float32)))

    def _compute(self, path: Path, collection: Collection, used: Bool[np.ndarray, "clips versions"], seed: int) -> None:
        table = np.lib.format.open_memmap(path, "w+", np.float32, (*used.shape, *self.shape))
        on_device = tuple(feature for feature in self.features if not feature.host)
        part = replace(self, features=on_device)

        @jax.jit
        def augmented(audio: Array, places: Array, versions: Array) -> Array:
            key = jax.random.key(seed)
            keys = jax.vmap(lambda p, v: jax.random.fold_in(jax.random.fold_in(key, p), v))(places, versions)
            examples = Example(audio, jnp.zeros((len(audio), self.classes)), self.framing.sample_rate)
            changed = jax.vmap(lambda k, one: self.changed(k, one, "waveform"))(keys, examples)
            return jnp.where((versions > 0)[:, None], changed.values, audio)

        @jax.jit
        def extracted(audio: Array) -> Array:
            return jax.vmap(part.extract)(audio)

        for rows in _blocks(np.argwhere(used)):
            full = np.resize(rows, (BATCH, 2))  # one compiled shape; the repeated rows are dropped again
            audio = jnp.asarray(np.stack([_window(collection, clip, version, seed) for clip, version in full]))
            audio = augmented(_to_float(audio), jnp.asarray(full[:, 0]), jnp.asarray(full[:, 1]))
            columns = (
                np.asarray(extracted(audio)) if on_device else np.zeros((BATCH, self.framing.frames, 0), np.float32)
            )
            host = self._on_host(np.asarray(audio)[: len(rows)])
            table[rows[:, 0], rows[:, 1]] = self._in_order(columns[: len(rows)], host)
        table.flush()

    def _on_host(self, audio: Float[np.ndarray, "clips samples"]) -> list[Float[np.ndarray, "clips frames some"]]:
        return [
            np.stack([np.asarray(feature(Signal(samples, self.framing)), np.float32) for samples in audio])
            for feature in self.features
            if feature.host
        ]

    def _in_order(self, columns: np.ndarray, host: list[np.ndarray]) -> np.ndarray:
        # the channels of device and host features, interleaved again as the experiment lists them
        parts, begin, waiting = [], 0, iter(host)
        for feature in self.features:
            if feature.host:
                parts.append(next(waiting))
            else:
                parts.append(columns[:, :, begin : begin + feature.channels])
                begin += feature.channels
        return np.concatenate(parts, axis=2)


def _window(collection: Collection, clip: int, version: int, seed: int) -> Int16[np.ndarray, " samples"]:
    # only copies are cropped at random, each in a way of its own; the clip itself is what evaluation sees
    return collection.window(clip, np.random.default_rng([seed, clip, version]) if version else None)


def _to_float(audio: Array) -> Array:
    return audio.astype(jnp.float32) / 32768


def _blocks(items: Int[np.ndarray, "items 2"]) -> Iterator[Int[np.ndarray, "some 2"]]:
    for begin in range(0, len(items), BATCH):
        yield items[begin : begin + BATCH]


def _sources(classes: set[type]) -> Sequence[str]:
    # an edited plugin must not be served from the cache, so the text of its module is part of the key
    parts: list[Any] = [*classes, signal_module, mel_module]
    files = {inspect.getsourcefile(part) for part in parts}
    return sorted(hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files if file)
