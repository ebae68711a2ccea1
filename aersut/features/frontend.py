"""The audio frontend (feature extraction in front of the classifier): augmentation, features and scaling.

Training, evaluation and export use the same `Frontend`, so a second implementation cannot diverge from it.
"""

import copy
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from aersut.augment.example import STANDARD, Example
from aersut.contracts import Augmenter, Feature, Framing
from aersut.data.feature_table import FeatureTable
from aersut.features.signal import Signal
from aersut.features.stages import RowsSignal, base_features
from aersut.memo import memoized
from aersut.registry import AUGMENTERS, FEATURES

T = TypeVar("T")
BATCH = 64  # clips that are processed together


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Scaling:
    """Standardization of each channel: subtract the mean over the training set, divide by the standard deviation."""

    mean: Float[Array | np.ndarray, " channels"]
    deviation: Float[Array | np.ndarray, " channels"]

    @classmethod
    def of(cls, mean: Float[np.ndarray, " channels"], deviation: Float[np.ndarray, " channels"]) -> "Scaling":
        """By these statistics; a constant channel gets the standard deviation 1."""
        constant = deviation < 1e-6 * np.maximum(1, np.abs(mean))
        return cls(mean.astype(np.float32), np.where(constant, 1, deviation).astype(np.float32))

    def __call__(self, features: Float[Array, "*batch frames channels"]) -> Float[Array, "*batch frames channels"]:
        return (features - self.mean) / self.deviation


@dataclass(frozen=True)
class Frontend:
    """The function from a window of samples to the input of the network.

    It has two stages. `transformed` computes the base features from samples: those that wrap no other feature, such as
    a log-mel spectrogram. `scaled` computes the features that wrap them (mean normalization, PCEN, deltas) and scales
    all. The base features are cached and augmented; the second stage is part of the training step.

    Attributes:
        framing: sample rate, window and frames.
        features: feature extractors; their channels are concatenated in this order.
        augment: augmenters, applied in this order to training examples only.
        classes: number of classes of the label distributions.
        per_utterance: standardize each channel of each clip over its frames.
        scaling: statistics of the training set, set by `fit_scaling`; None leaves the features unscaled.
    """

    framing: Framing
    features: tuple[Feature, ...]
    augment: tuple[Augmenter, ...]
    classes: int
    per_utterance: bool = False
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        for feature in self.features:
            try:
                hash(feature)
            except TypeError as error:
                raise ValueError(
                    f"a field of {type(feature).__name__} must be hashable: {error}; use a tuple"
                ) from None
            feature.check(self.framing)
        for augmenter in self.augment:
            self._check_spectrogram(augmenter)

    def _check_spectrogram(self, augmenter: Augmenter) -> None:
        if not (augmenter.log_mel or augmenter.spectrogram):
            return
        name, (base, *others) = AUGMENTERS.name_of(augmenter), self.bases
        names = ", ".join(FEATURES.name_of(one) for one in self.bases)
        if augmenter.log_mel and (others or base.log_mel_scale(self.framing) is None):
            raise ValueError(
                f"augmenter '{name}' changes a log-mel spectrogram, and the base features are {names}; use features of "
                "log_mel alone without top_db and pre_emphasis, which change the floor and the level of each band, or "
                "omit the augmenter"
            )
        if augmenter.spectrogram and (others or not base.spectrogram):
            raise ValueError(
                f"augmenter '{name}' changes the bands of a spectrogram in dB, and the base features are {names}; use "
                "one such feature alone, or omit the augmenter"
            )

    @property
    def channels(self) -> int:
        """Number of channels of all features together."""
        return sum(feature.channels for feature in self.features)

    def only(self, features: tuple[Feature, ...]) -> "Frontend":
        """Return the unscaled frontend of some of the features, or this frontend for all of them."""
        return self if features == self.features else replace(self, features=features, scaling=None)

    @property
    def unscaled(self) -> "Frontend":
        """The frontend without its scaling; it is hashable, and compiled functions get the scaling as an argument."""
        return self.with_scaling(None)

    def with_scaling(self, scaling: Scaling | None) -> "Frontend":
        """Return the frontend with other statistics of the training set, which may be traced."""
        other = copy.copy(self)  # `replace` would check the features again
        object.__setattr__(other, "scaling", scaling)
        return other

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the network's input for one example: (frames, channels)."""
        return self.framing.frames, self.channels

    @functools.cached_property
    def bases(self) -> tuple[Feature, ...]:
        """The base features, which are computed from samples; each of `features` is one, or is computed from them."""
        return base_features(self.features, self.framing)

    @property
    def base_shape(self) -> tuple[int, int]:
        """Shape of the base features of one example: (frames, channels)."""
        return self.framing.frames, sum(feature.channels for feature in self.bases)

    def finished(self, bases: Float[Array, "*batch frames base"]) -> Float[Array, "*batch frames channels"]:
        """Return the unscaled `features` from the base features."""
        if self.bases == self.features:
            return bases

        def one(rows: Float[Array, "frames base"]) -> Float[Array, "frames channels"]:
            return RowsSignal(rows, self.bases, self.framing).concatenated(self.features)

        return jnp.asarray(jnp.vectorize(one, signature="(f,b)->(f,c)")(bases))

    def scaled(self, bases: Float[Array, "*batch frames base"]) -> Float[Array, "*batch frames channels"]:
        """Return the network's input from the base features: `finished`, then `standardized`."""
        return self.standardized(self.finished(bases))

    def standardized(self, features: Float[Array, "*batch frames channels"]) -> Float[Array, "*batch frames channels"]:
        """Scale features for the network."""
        if self.per_utterance:
            mean, deviation = (take(features, axis=-2, keepdims=True) for take in (jnp.mean, jnp.std))
            features = (features - mean) / jnp.maximum(deviation, 1e-6 * jnp.maximum(1, jnp.abs(mean)))
        return features if self.scaling is None else self.scaling(features)

    def extract(self, samples: Float[Array, " samples"]) -> Float[Array, "frames channels"]:
        """Return the base features of one window of samples in [-1, 1]; no feature may run on the host."""
        return Signal(samples, self.framing).concatenated(self.bases)

    def transformed(
        self, audio: Float[Array, "clips samples"], keys: jax.Array | None = None
    ) -> tuple[Float[Array, "clips samples"], Float[Array, "clips frames base"]]:
        """Return the windows and their base features, without features that run on the host.

        The samples are in [-1, 1]. The waveform augmenters run if `keys` has a random key for each clip.
        """
        device = tuple(feature for feature in self.bases if not feature.host)

        def one(samples: Array, key: jax.Array | None) -> tuple[Array, Array | None]:
            if key is not None:
                example = Example(samples, jnp.zeros(self.classes), self.framing.sample_rate)
                samples = quantized(self.augmented(key, example, "waveform").values)
            return samples, Signal(samples, self.framing).concatenated(device) if device else None

        windows, columns = _each(one, audio, keys)
        return windows, jnp.zeros((len(audio), self.framing.frames, 0)) if columns is None else columns

    def completed(
        self, audio: Float[np.ndarray, "clips samples"], columns: Float[np.ndarray, "clips frames some"]
    ) -> Float[np.ndarray, "clips frames base"]:
        """Return the output of `transformed`, with the channels of host features in the order of `bases`."""
        parts, begin = [], 0
        for feature in self.bases:
            if feature.host:
                rows = [np.asarray(feature(Signal(samples, self.framing)), np.float32) for samples in audio]
                parts.append(np.stack(rows))
            else:
                parts.append(columns[:, :, begin : begin + feature.channels])
                begin += feature.channels
        return np.concatenate(parts, axis=2)

    def example(self, values: Float[Array, "..."], label: Float[Array, "*batch classes"]) -> Example:
        """Return an example of base features."""
        scale = self.bases[0].log_mel_scale(self.framing) or STANDARD
        return Example(values, label, self.framing.sample_rate, scale)

    def augmented(self, key: jax.Array, example: Example, domain: str) -> Example:
        """Apply the augmenters of one domain, each with its own key."""
        for index, augmenter in enumerate(self.augment):
            if augmenter.domain == domain:
                example = augmenter(jax.random.fold_in(key, index), example)
        return example

    def training_examples(self, key: jax.Array, batch: dict[str, Array]) -> Example:
        """Return an augmented batch of base features and label distributions; part of the jitted training step.

        Waveform augmenters run here only if the batch holds audio (on-the-fly augmentation), because cached copies
        are augmented already. Feature and batch augmenters are cheap and always run here.

        Args:
            key: random key of the step.
            batch: "label", i32[batch] (classes) or f32[batch, classes] (distributions), and either "features" (base
                features of cached copies) or "audio", i16[batch, samples].
        """
        label = batch["label"] if batch["label"].ndim > 1 else jax.nn.one_hot(batch["label"], self.classes)
        keys = jax.random.split(jax.random.fold_in(key, 0), len(label))
        values = self.transformed(to_float(batch["audio"]), keys)[1] if "audio" in batch else batch["features"]
        examples = self.example(values, label)
        examples = jax.vmap(lambda k, one: self.augmented(k, one, "features"))(keys, examples)
        return self.augmented(jax.random.fold_in(key, 1), examples, "batch")

    def fit_scaling(self, table: FeatureTable, examples: Int[np.ndarray, "examples 2"]) -> "Frontend":
        """Return the frontend with the scaling of the training set, the (clip, version) pairs `examples`."""
        total, squares, count = np.zeros(self.channels), np.zeros(self.channels), 0
        finish = _compiled_finish(self.unscaled) if self.bases != self.features else np.asarray
        for rows in batches(examples):
            values = np.asarray(finish(table.take(rows)), np.float64).reshape(-1, self.channels)
            total, squares, count = total + values.sum(0), squares + np.square(values).sum(0), count + len(values)
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - np.square(mean), 0))
        return self.with_scaling(Scaling.of(mean, deviation))


@memoized
def _compiled_finish(frontend: Frontend) -> Callable[..., Array]:
    return jax.jit(frontend.finished)


def quantized(samples: Float[Array, "*clips samples"]) -> Float[Array, "*clips samples"]:
    """Round samples to 16 bits, and clip them to [-1, 1), as a recording.

    The residue of 1e-9 that a Fourier transform and its inverse leave in silence would have zero crossings and a pitch.
    """
    return jnp.clip(jnp.rint(samples * 32768), -32768, 32767) / 32768


def to_float(audio: Array | np.ndarray) -> Array:
    """Convert 16-bit samples to float32 in [-1, 1)."""
    return jnp.asarray(audio).astype(jnp.float32) / 32768


def batches(examples: Int[np.ndarray, "examples 2"]) -> Iterator[Int[np.ndarray, "some 2"]]:
    """Split (clip, version) pairs into batches of `BATCH`."""
    for begin in range(0, len(examples), BATCH):
        yield examples[begin : begin + BATCH]


def _each(function: Callable[..., T], *stacks: Any) -> T:
    """Map over clips: vectorized on an accelerator, one clip at a time on a CPU, whose caches are small.

    One at a time also skips the computation of augmenters that leave a clip unchanged.
    """
    if jax.default_backend() != "cpu":
        return jax.vmap(function)(*stacks)
    return jax.lax.map(lambda one: function(*one), stacks)
