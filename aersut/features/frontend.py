"""The frontend: augmenters, features and scaling as one function from samples to what the network reads.

It owns the cache of its output, too. Training, evaluation and export all use this one object, so that there is no
second implementation to drift.
"""

import hashlib
import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Int16

from aersut import matrices
from aersut.augment.example import Example
from aersut.config import digest, to_tree
from aersut.contracts import Augmenter, Feature, Framing, Plugin
from aersut.data.collection import Collection
from aersut.data.table import Table
from aersut.features.signal import Signal
from aersut.paths import cache_dir, new_folder

T = TypeVar("T")
BATCH = 64  # clips that are handed over together
ROOMS = (Path(__file__).parent, Path(__file__).parents[1] / "augment")  # whose code the cached features come of


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
        per_utterance: each channel of each clip gets mean 0 and deviation 1 over its frames.
        scaling: fitted by `fit_scaling`; the features are left as they are until then.
    """

    framing: Framing
    features: tuple[Feature, ...]
    augment: tuple[Augmenter, ...]
    classes: int
    per_utterance: bool = False
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        for feature in self.features:
            feature.check(self.framing)

    @property
    def channels(self) -> int:
        """Columns of all features together."""
        return sum(feature.channels for feature in self.features)

    def only(self, features: tuple[Feature, ...]) -> "Frontend":
        """The frontend of some of its features, unscaled; of all of them, itself."""
        return self if features == self.features else replace(self, features=features, scaling=None)

    @property
    def shape(self) -> tuple[int, int]:
        """(frames, channels) of one clip."""
        return self.framing.frames, self.channels

    def scaled(self, features: Float[Array, "*batch frames channels"]) -> Float[Array, "*batch frames channels"]:
        """Unscaled features as the network reads them."""
        if self.per_utterance:
            mean, deviation = (take(features, axis=-2, keepdims=True) for take in (jnp.mean, jnp.std))
            features = (features - mean) / jnp.maximum(deviation, 1e-6 * jnp.maximum(1, jnp.abs(mean)))
        return features if self.scaling is None else self.scaling(features)

    def extract(self, samples: Float[Array, " samples"]) -> Float[Array, "frames channels"]:
        """Unscaled features of one window of samples in [-1, 1]; none of them may run on the host."""
        signal = Signal(samples, self.framing)
        return jnp.concatenate([signal.feature(feature) for feature in self.features], axis=1)

    def transformed(
        self, audio: Float[Array, "clips samples"], keys: jax.Array | None = None
    ) -> tuple[Float[Array, "clips samples"], Float[Array, "clips frames channels"]]:
        """Windows, changed by the waveform augmenters where there are `keys`, and their unscaled features.

        Features that run on the host are left out.
        """
        device = replace(self, features=tuple(feature for feature in self.features if not feature.host))

        def one(samples: Array, key: jax.Array | None) -> tuple[Array, Array | None]:
            if key is not None:
                example = Example(samples, jnp.zeros(self.classes), self.framing.sample_rate)
                samples = quantized(self.changed(key, example, "waveform").values)
            return samples, device.extract(samples) if device.features else None

        changed, columns = _each(one, audio, keys)
        return changed, jnp.zeros((len(audio), self.framing.frames, 0)) if columns is None else columns

    def completed(
        self, audio: Float[np.ndarray, "clips samples"], columns: Float[np.ndarray, "clips frames some"]
    ) -> Float[np.ndarray, "clips frames channels"]:
        """What `transformed` gives, with the features that run on the host in their places."""
        return self._in_order(columns, self._on_host(audio))

    def changed(self, key: jax.Array, example: Example, domain: str) -> Example:
        """Apply the augmenters of one domain, each with a key of its own."""
        for place, augmenter in enumerate(self.augment):
            if augmenter.domain == domain:
                example = augmenter(jax.random.fold_in(key, place), example)
        return example

    def training_examples(self, key: jax.Array, batch: dict[str, Array]) -> Example:
        """A training batch, augmented: f32[batch, frames, channels], unscaled, and f32[batch, classes], what its
        labels have become; inside the jitted step.

        Waveform augmenters run here only where the batch holds audio (on the fly), since cached copies have them
        already; what augments features or mixes a batch is cheap and always runs here.

        Args:
            batch: "label", i32[batch], and either "features" (unscaled, of cached copies) or "audio", i16[batch,
                samples], which is augmented and transformed here, on the fly.
        """
        label = jax.nn.one_hot(batch["label"], self.classes)
        keys = jax.random.split(jax.random.fold_in(key, 0), len(label))
        values = self.transformed(_to_float(batch["audio"]), keys)[1] if "audio" in batch else batch["features"]
        examples = Example(values, label, self.framing.sample_rate)
        examples = jax.vmap(lambda k, one: self.changed(k, one, "features"))(keys, examples)
        return self.changed(jax.random.fold_in(key, 1), examples, "batch")

    def cached(self, collection: Collection, used: Bool[np.ndarray, "clips versions"], seed: int) -> Table:
        """Unscaled features of every version of every clip that is used, from disk; computed where they are not there.

        Version 0 is the clip itself, the others are augmented copies whose randomness is the seed's, the clip's and the
        version's alone. Rows that are not used hold zeros.
        """
        waveform = [augmenter for augmenter in self.augment if augmenter.domain == "waveform"]
        augment = waveform if used.shape[1] > 1 else []
        plugins = [*self.features, *augment]
        key = digest(
            [
                *(collection.key, to_tree(self.framing), to_tree(self.features), to_tree(augment)),
                *(seed if used.shape[1] > 1 else None, [plugin.fingerprint() for plugin in plugins]),
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
        plain = jax.jit(self.transformed)
        augmented = jax.jit(lambda audio, rows: self.transformed(audio, _keys(seed, rows)))

        def fill(rows: Int[np.ndarray, "some 2"]) -> None:
            full = np.resize(rows, (BATCH, 2))  # one compiled shape; the repeated rows are dropped again
            audio = _to_float(np.stack([_window(collection, clip, version, seed) for clip, version in full]))
            changed, columns = augmented(audio, full) if rows[0, 1] else plain(audio)
            kept = np.asarray(changed)[: len(rows)], np.asarray(columns)[: len(rows)]
            table[rows[:, 0], rows[:, 1]] = self.completed(*kept)

        versions = np.arange(used.shape[1])
        of_clips, of_copies = (list(_blocks(np.argwhere(used & kind))) for kind in (versions == 0, versions > 0))
        # what augments takes seconds to compile, in which the other threads have the clips themselves to do
        blocks = [*of_copies[:1], *of_clips, *of_copies[1:]]
        # XLA leaves cores idle between its operations, on a CPU
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            list(pool.map(fill, blocks))
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


def quantized(samples: Float[Array, "*clips samples"]) -> Float[Array, "*clips samples"]:
    """Samples on the grid of 16 bits that recordings are on, clipped where these would be.

    What a Fourier transform there and back leaves of silence, 1e-9, would have zero crossings and a pitch.
    """
    return jnp.clip(jnp.rint(samples * 32768), -32768, 32767) / 32768


def _window(collection: Collection, clip: int, version: int, seed: int) -> Int16[np.ndarray, " samples"]:
    # only copies are cropped at random, each in a way of its own; the clip itself is what evaluation sees
    return collection.window(clip, np.random.default_rng([seed, clip, version]) if version else None)


def _keys(seed: int, rows: Int[Array, "some 2"]) -> jax.Array:
    """The key of each (clip, version), which depends on nothing else."""
    key = jax.random.key(seed)
    return jax.vmap(lambda clip, version: jax.random.fold_in(jax.random.fold_in(key, clip), version))(*rows.T)


def _to_float(audio: Array | np.ndarray) -> Array:
    return jnp.asarray(audio).astype(jnp.float32) / 32768


def _each(function: Callable[..., T], *stacks: Any) -> T:
    """Map over clips: all at once on an accelerator, one after the other on a CPU, whose caches hold no more.

    One at a time also spares what an augmenter leaves undone.
    """
    if jax.default_backend() != "cpu":
        return jax.vmap(function)(*stacks)
    return jax.lax.map(lambda one: function(*one), stacks)


def _blocks(items: Int[np.ndarray, "items 2"]) -> Iterator[Int[np.ndarray, "some 2"]]:
    for begin in range(0, len(items), BATCH):
        yield items[begin : begin + BATCH]


def _sources(plugins: Sequence[Plugin]) -> list[str]:
    # what other code has computed must not be served from the cache, so the text of all that takes part is in the key
    classes = {cls for plugin in plugins for one in _nested(plugin) for cls in type(one).__mro__}
    files = {inspect.getsourcefile(cls) for cls in classes if cls.__module__ != "builtins"}
    files |= {str(file) for room in ROOMS for file in room.glob("*.py")} | {matrices.__file__}
    return sorted({hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files if file})


def _nested(plugin: Plugin) -> Iterator[Plugin]:
    yield plugin
    for field in fields(plugin):  # type: ignore[arg-type]
        if isinstance(value := getattr(plugin, field.name), Plugin):
            yield from _nested(value)
