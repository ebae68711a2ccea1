"""The window of samples that features are computed from, with the intermediate results that they share."""

import math
from collections.abc import Callable
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut import matrices
from aersut.augment.random_apply import root
from aersut.contracts import Feature, Framing

Step = Callable[
    [Float[Array, " size"], Float[Array, " channels"]], tuple[Float[Array, " size"], Float[Array, " outputs"]]
]


class Signal:
    """A window of samples; frames and spectra are computed once for all features.

    Attributes:
        samples: f32[samples] in [-1, 1].
        framing: sample rate, window and frames.
        hop_seconds: time between adjacent frames in s.
        bands_at_once: mel bands in one product. Adjacent bands cover few bins, so 32 at a time need less computation
            than the whole matrix.
    """

    bands_at_once: ClassVar[int] = 32

    def __init__(self, samples: Float[Array | np.ndarray, " samples"], framing: Framing) -> None:
        self.samples = samples
        self.framing = framing
        self.hop_seconds = framing.hop_length / framing.sample_rate
        self._known: dict[tuple[object, ...], Array] = {}

    def emphasized(self, pre_emphasis: float = 0.0) -> Float[Array | np.ndarray, " samples"]:
        """Return the samples after pre-emphasis: y[n] = x[n] - pre_emphasis · x[n - 1], with x[-1] = 0.

        `librosa.effects.preemphasis(x, coef=pre_emphasis, zi=[0])`, to 1e-7.
        """
        if not pre_emphasis:
            return self.samples
        before = jnp.concatenate([jnp.zeros(1, self.samples.dtype), self.samples[:-1]])
        return self.samples - pre_emphasis * before

    def frames(self, pre_emphasis: float = 0.0) -> Float[Array, "frames frame_length"]:
        """Return overlapping frames without a window function; centered frames are padded with zeros."""
        return self._once(("frames", pre_emphasis), lambda: self._cut(self.emphasized(pre_emphasis)))

    def power(self, pre_emphasis: float = 0.0) -> Float[Array, "frames bins"]:
        """Return the power spectrum |rfft|² of Hann-windowed frames, as `abs(librosa.stft(y)) ** 2`."""

        def compute() -> Array:
            window = jnp.asarray(matrices.hann(self.framing.frame_length))
            spectrum = jnp.fft.rfft(self.frames(pre_emphasis) * window)
            return jnp.square(spectrum.real) + jnp.square(spectrum.imag)

        return self._once(("power", pre_emphasis), compute)

    def magnitude(self) -> Float[Array, "frames bins"]:
        """Return the magnitude spectrum, the root of `power`, with a finite gradient in silence."""
        return self._once(("magnitude",), lambda: root(self.power()))

    def mel(
        self, n_mels: int, fmin: float = 0.0, fmax: float | None = None, pre_emphasis: float = 0.0, htk: bool = False
    ) -> Float[Array, "frames n_mels"]:
        """Return the mel spectrogram as power, as `librosa.feature.melspectrogram`; fmin and fmax in Hz."""

        def compute() -> Array:
            filters = matrices.mel_filters(self.framing.sample_rate, self.framing.frame_length, n_mels, fmin, fmax, htk)
            power = self.power(pre_emphasis)
            groups = [filters[first : first + self.bands_at_once] for first in range(0, n_mels, self.bands_at_once)]
            return jnp.concatenate([_product(power, group) for group in groups], axis=1)

        return self._once(("mel", n_mels, fmin, fmax, pre_emphasis, htk), compute)

    def feature(self, feature: Feature) -> Float[Array, "frames channels"]:
        """Return the output of a feature; a feature that wraps another one calls this."""
        return self._once(("feature", feature), lambda: jnp.asarray(feature(self)))

    def recursion(self, step: Step, size: int, rows: Float[Array, "frames channels"]) -> Float[Array, "frames outputs"]:
        """Return the outputs of a recursive (IIR) filter over frames.

        A device that computes frame by frame carries the state from one call to the next, so `frontend.tflite` has it
        as a second input and output.

        Args:
            step: (state f32[size], row f32[channels]) to (next state, output f32[outputs]).
            size: length of the state, which starts as zeros.
            rows: the filter's input.
        """
        return jnp.asarray(jax.lax.scan(step, jnp.zeros(size, rows.dtype), rows)[1])

    def concatenated(self, features: tuple[Feature, ...]) -> Float[Array, "frames channels"]:
        """Return the channels of several features, in their order."""
        return jnp.concatenate([self.feature(feature) for feature in features], axis=1)

    def sums(self, values: Float[Array, " samples"]) -> Float[Array, " frames"]:
        """Return the sum of per-sample values over each frame. Each hop is summed once, not once per frame."""
        rows, count = self._hops(values)
        whole, rest = divmod(self.framing.frame_length, self.framing.hop_length)
        hops = jnp.sum(rows, axis=1)
        total = sum((hops[i : i + count] for i in range(whole)), jnp.zeros(count))
        return total + jnp.sum(rows[whole : whole + count, :rest], axis=1) if rest else total

    def starts(self, values: Float[Array, " samples"]) -> Float[Array, " frames"]:
        """Return the per-sample value at the start of each frame."""
        rows, count = self._hops(values)
        return rows[:count, 0]

    def _once(self, what: tuple[object, ...], compute: Callable[[], Array]) -> Array:
        if what not in self._known:
            self._known[what] = compute()
        return self._known[what]

    def _cut(self, samples: Array | np.ndarray) -> Array:
        rows, count = self._hops(samples)
        hops = math.ceil(self.framing.frame_length / self.framing.hop_length)
        frames = jnp.concatenate([rows[i : i + count] for i in range(hops)], axis=1)
        return frames[:, : self.framing.frame_length]

    def _hops(self, samples: Array | np.ndarray) -> tuple[Float[Array, "hops hop_length"], int]:
        # concatenated hops instead of a gather: faster on every backend, and TensorFlow Lite has the operators
        framing = self.framing
        if framing.center:
            samples = jnp.pad(samples, framing.frame_length // 2)
        count = 1 + (len(samples) - framing.frame_length) // framing.hop_length
        hops = count - 1 + math.ceil(framing.frame_length / framing.hop_length)
        needed = hops * framing.hop_length
        samples = jnp.pad(samples, (0, max(0, needed - len(samples))))[:needed]
        return samples.reshape(hops, framing.hop_length), count


def _product(power: Array, filters: np.ndarray) -> Array:
    used = np.flatnonzero(filters.any(axis=0))
    bins = slice(used[0], used[-1] + 1) if len(used) else slice(0, 1)
    return power[:, bins] @ jnp.asarray(filters[:, bins].T)


def decibels(power: Float[Array, "..."], top_db: float | None = None, amin: float = 1e-10) -> Float[Array, "..."]:
    """Power in dB: 10 · log10(max(power, amin)), as `librosa.power_to_db(power, amin=amin, top_db=top_db)`.

    Args:
        power: power, 0 or more.
        top_db: clip to this range in dB below the maximum of `power`; None for no clipping.
        amin: lower limit of the power.
    """
    levels = (10 / np.log(10)).astype(np.float32) * jnp.log(jnp.maximum(power, amin))
    return levels if top_db is None else jnp.maximum(levels, jnp.max(levels) - top_db)
