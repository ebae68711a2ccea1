"""The contract of features."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from aersut.contracts import Feature, Framing
from aersut.features.signal import Signal
from aersut.testing.promise import Promise, check_plugin, hard_signals, noise

FRAMING = Framing(sample_rate=16_000, seconds=0.5, frame_length=512, hop_length=160)
"""Where features are checked unless a framing is given."""


def check_feature(feature: Feature, framing: Framing | None = None) -> None:
    """Check a feature extractor under `framing`, and under others if it takes them.

    A frame may look at one sample before its own (pre-emphasis does) without declaring context.
    """
    promise = check_plugin(feature)
    count = getattr(feature, "channels", None)
    promise.that(isinstance(count, int) and count > 0, "channels is known before any call", f"it is {count!r}")
    main = framing or FRAMING
    others = [
        dataclasses.replace(main, center=not main.center),
        Framing(sample_rate=8_000, seconds=0.4, frame_length=400, hop_length=150),
        Framing(sample_rate=22_050, seconds=0.4, frame_length=1024, hop_length=300, center=False),
    ]
    promise.holds("it can be computed under the framing of this check", lambda: feature.check(main))
    for one in (main, *others):
        try:
            feature.check(one)
        except ValueError:
            continue
        rows = promise.holds(
            f"it can be called under {one}", functools.partial(feature, Signal(noise(one.samples), one))
        )
        expected, found = ((one.frames, count), "float32"), (tuple(rows.shape), str(rows.dtype))
        promise.that(found == expected, "it returns f32[frames, channels]", f"expected {expected}, got {found}; {one}")
        promise.that(bool(np.isfinite(rows).all()), "it is finite", f"not on noise under {one}")
    samples = noise(main.samples)
    signal = Signal(samples, main)
    known = np.asarray(feature(signal))
    for again in (feature(signal), feature(Signal(samples, main))):
        promise.that(
            np.array_equal(known, again), "it is deterministic and pure", "a second call differs: keep no state"
        )
    hard = hard_signals(main.samples)
    if feature.host:
        values = {name: np.asarray(feature(Signal(x, main))) for name, x in hard.items()}
    else:
        values = _check_traced(promise, feature, main, samples, known, hard)
    for name, value in values.items():
        promise.that(bool(np.isfinite(value).all()), "it is finite", f"not on {name}: guard logarithms and divisions")


def _check_traced(
    promise: Promise, feature: Feature, framing: Framing, samples: Array, rows: np.ndarray, hard: dict[str, Array]
) -> dict[str, np.ndarray]:
    def call(x: Array) -> Array:
        return jnp.asarray(feature(Signal(x, framing)))

    compiled = jax.jit(call)
    jitted = promise.holds("jax.jit traces it (or it declares host = True)", lambda: compiled(samples))
    promise.close(jitted, rows, "jit and eager agree", "ask for no Python value of an array")
    stack = jnp.stack([samples, *hard.values()])
    stacked = promise.holds("jax.vmap traces it", lambda: jax.jit(jax.vmap(call))(stack))
    promise.close(stacked[0], rows, "vmap and single calls agree", "reduce over named axes only")
    slope = jax.grad(lambda x: jnp.sum(call(x)))
    slopes = promise.holds("jax.grad traces it", lambda: jax.jit(jax.vmap(slope))(stack))
    for name, one in zip(("noise", *hard), slopes, strict=True):
        finite = bool(jnp.isfinite(one).all())
        promise.that(
            finite, "its gradient is finite", f"not on {name}: roots and logarithms need a where on both sides"
        )
    if not feature.whole_utterance:
        _check_context(promise, feature, framing, samples, compiled)
    return dict(zip(hard, np.asarray(stacked[1:]), strict=True))


def _check_context(
    promise: Promise, feature: Feature, framing: Framing, samples: Array, call: Callable[[Array], Array]
) -> None:
    padding = framing.frame_length // 2 if framing.center else 0
    rows, places = np.asarray(call(samples)), np.arange(framing.samples)
    other = 1 - 3 * noise(framing.samples, seed=1)
    for frame in sorted({0, framing.frames // 2, framing.frames - 1}):
        first = (frame - feature.context[0]) * framing.hop_length - padding
        end = (frame + feature.context[1]) * framing.hop_length - padding + framing.frame_length
        far = (places < first - 1) | (places >= end)
        moved = call(jnp.where(far, other, samples))[frame]
        what = f"frame {frame} changed with samples outside of context {feature.context}"
        promise.close(
            moved, rows[frame], "a frame depends on its context alone", f"{what}: widen it or set whole_utterance"
        )
