"""The window of samples that features describe, with the intermediate results that they share."""

import math
from collections.abc import Callable
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aersut import matrices
from aersut.contracts import Feature, Framing

Pad = Literal["constant", "edge"]


class Signal:
    """Samples under a framing; frames and spectra are computed once, however many features ask for them.

    Attributes:
        samples: f32[samples] in [-1, 1].
        framing: the experiment's.
    """

    def __init__(self, samples: Float[Array | np.ndarray, " samples"], framing: Framing) -> None:
        self.samples = samples
        self.framing = framing
        self._known: dict[tuple[object, ...], Array] = {}

    def emphasized(self, pre_emphasis: float = 0.0) -> Float[Array | np.ndarray, " samples"]:
        """y[n] = x[n] - pre_emphasis · x[n - 1], with silence before the first sample.

        `librosa.effects.preemphasis(x, coef=pre_emphasis, zi=[0])`, to 1e-7.
        """
        if not pre_emphasis:
            return self.samples
        before = jnp.concatenate([jnp.zeros(1, self.samples.dtype), self.samples[:-1]])
        return self.samples - pre_emphasis * before

    def frames(self, pre_emphasis: float = 0.0, pad: Pad = "constant") -> Float[Array, "frames frame_length"]:
        """Overlapping frames, not windowed; `pad` is what centring puts around the samples, as in `numpy.pad`."""
        return self._once(("frames", pre_emphasis, pad), lambda: self._cut(self.emphasized(pre_emphasis), pad))

    def power(self, pre_emphasis: float = 0.0) -> Float[Array, "frames bins"]:
        """Power spectrum |rfft|² of the frames under a periodic Hann window, as `abs(librosa.stft(y)) ** 2`."""

        def compute() -> Array:
            window = jnp.asarray(matrices.hann(self.framing.frame_length))
            spectrum = jnp.fft.rfft(self.frames(pre_emphasis) * window)
            return jnp.square(spectrum.real) + jnp.square(spectrum.imag)

        return self._once(("power", pre_emphasis), compute)

    def magnitude(self, pre_emphasis: float = 0.0) -> Float[Array, "frames bins"]:
        """The root of `power`, with a gradient that is finite in silence."""

        def compute() -> Array:
            power = self.power(pre_emphasis)
            return jnp.where(power > 0, jnp.sqrt(jnp.where(power > 0, power, 1.0)), 0.0)

        return self._once(("magnitude", pre_emphasis), compute)

    def mel(
        self, n_mels: int, fmin: float = 0.0, fmax: float | None = None, pre_emphasis: float = 0.0, htk: bool = False
    ) -> Float[Array, "frames n_mels"]:
        """Power in mel bands, as `librosa.feature.melspectrogram`; fmin and fmax in Hz."""

        def compute() -> Array:
            filters = matrices.filters(self.framing.sample_rate, self.framing.frame_length, n_mels, fmin, fmax, htk)
            power = self.power(pre_emphasis)
            # neighbouring bands share few of all bins, so that their products are smaller than that of the whole matrix
            groups = [filters[first : first + 32] for first in range(0, n_mels, 32)]
            return jnp.concatenate([_product(power, group) for group in groups], axis=1)

        return self._once(("mel", n_mels, fmin, fmax, pre_emphasis, htk), compute)

    def feature(self, feature: Feature) -> Float[Array, "frames channels"]:
        """The output of a feature, for another one that builds on it."""
        return self._once(("feature", feature), lambda: jnp.asarray(feature(self)))

    def sums(self, values: Float[Array, " samples"], pad: Pad = "constant") -> Float[Array, " frames"]:
        """What `values`, one per sample, add up to in each frame: each hop is added up once, not in every frame."""
        rows, count = self._hops(values, pad)
        whole, rest = divmod(self.framing.frame_length, self.framing.hop_length)
        hops = jnp.sum(rows, axis=1)
        total = sum((hops[i : i + count] for i in range(whole)), jnp.zeros(count))
        return total + jnp.sum(rows[whole : whole + count, :rest], axis=1) if rest else total

    def starts(self, values: Float[Array, " samples"], pad: Pad = "constant") -> Float[Array, " frames"]:
        """The one of `values`, one per sample, with which each frame begins."""
        rows, count = self._hops(values, pad)
        return rows[:count, 0]

    def _once(self, what: tuple[object, ...], compute: Callable[[], Array]) -> Array:
        if what not in self._known:
            self._known[what] = compute()
        return self._known[what]

    def _cut(self, samples: Array | np.ndarray, pad: Pad) -> Array:
        rows, count = self._hops(samples, pad)
        hops = math.ceil(self.framing.frame_length / self.framing.hop_length)
        frames = jnp.concatenate([rows[i : i + count] for i in range(hops)], axis=1)
        return frames[:, : self.framing.frame_length]

    def _hops(self, samples: Array | np.ndarray, pad: Pad) -> tuple[Float[Array, "hops hop_length"], int]:
        # whole hops side by side instead of a gather: faster on every backend, and TensorFlow Lite has the operators
        framing = self.framing
        if framing.center:
            samples = jnp.pad(samples, framing.frame_length // 2, mode=pad)
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
    """10 · log10 of power, not under `amin`: `librosa.power_to_db(power, amin=amin, top_db=top_db)`.

    Args:
        top_db: nothing is more than this under the largest value, which takes the whole utterance to know.
    """
    levels = (10 / np.log(10)).astype(np.float32) * jnp.log(jnp.maximum(power, amin))
    return levels if top_db is None else jnp.maximum(levels, jnp.max(levels) - top_db)
