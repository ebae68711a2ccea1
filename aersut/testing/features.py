"""The contract of features."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from aersut.contracts import Feature, Framing
from aersut.export.frame_signal import MatrixFrameSignal
from aersut.features.signal import Signal
from aersut.registry import FEATURES
from aersut.testing.contract import BrokenPromiseError, Contract, expect, expect_close, noise

FRAMING = Framing(sample_rate=16_000, seconds=0.5, frame_length=512, hop_length=160)
"""The framing of the checks, unless another is passed."""


def check_feature(feature: Feature, framing: Framing | None = None) -> None:
    """Run all checks of `feature_checks`."""
    feature_checks(feature, framing).run()


def feature_checks(feature: Feature, framing: Framing | None = None) -> Contract:
    """Return the checks of a feature under `framing`, and under other framings that it accepts.

    A frame may depend on the sample before it (as in pre-emphasis) without declared context.
    """
    main, contract = framing or FRAMING, Contract(FEATURES, feature)
    signals = _signals(main.samples)
    stacked = jnp.stack([*signals.values()])

    def call(samples: Array) -> Array:
        return jnp.asarray(feature(Signal(samples, main)))

    jitted = jax.jit(call)
    rows = cache(lambda: call(signals["noise"]))
    mapped = cache(lambda: jax.jit(jax.vmap(call))(stacked))

    def expect_finite(arrays: Iterable[Array]) -> None:
        for name, array in zip(signals, arrays, strict=True):
            expect(np.isfinite(array).all(), f"not on {name}")

    @contract.promise("channels is known before any call")
    def _() -> None:
        count = getattr(feature, "channels", None)
        expect(isinstance(count, int) and count > 0, f"it is {count!r}")

    contract.promise("it can be computed under the framing of this check")(lambda: feature.check(main))
    contract.promise("it returns finite f32[frames, channels]")(lambda: _check_shape(feature, main))

    @contract.promise("it is deterministic and pure", "a second call differs: keep no state")
    def _() -> bool:
        signal = Signal(signals["noise"], main)
        return all(np.array_equal(rows(), again) for again in (feature(signal), feature(signal)))

    finite = contract.promise("it is finite", "guard logarithms and divisions")
    if getattr(feature, "host", False):
        finite(lambda: expect_finite(map(call, signals.values())))
        return contract
    jit = contract.promise("jax.jit traces it, and jit and eager agree", "trace all arrays, or declare host = True")
    jit(lambda: expect_close(jitted(signals["noise"]), rows()))
    vmap = contract.promise("jax.vmap traces it, and vmap and single calls agree", "reduce over named axes only")
    vmap(lambda: expect_close(mapped()[0], rows()))
    finite(lambda: expect_finite(mapped()))
    gradient = contract.promise("its gradient is finite", "roots and logarithms need jnp.where on both sides")
    slope = jax.jit(jax.vmap(jax.grad(lambda samples: jnp.sum(call(samples)))))
    gradient(lambda: expect_finite(slope(stacked)))
    if not getattr(feature, "whole_utterance", False):
        remedy = "widen it or set recursive or whole_utterance"
        context = contract.promise("a frame depends on its context alone", remedy)
        context(lambda: _check_context(feature, main, jitted))
        if getattr(feature, "context", None) == (0, 0):
            stream = contract.promise("computed frame by frame, it has the values of a window", "use Signal.recursion")
            stream(lambda: _check_stream(feature, main))
    return contract


def _check_shape(feature: Feature, main: Framing) -> None:
    others = (
        replace(main, center=not main.center),
        Framing(sample_rate=8_000, seconds=0.4, frame_length=400, hop_length=150),
        Framing(sample_rate=22_050, seconds=0.4, frame_length=1024, hop_length=300, center=False),
    )
    for framing in (main, *others):
        try:
            feature.check(framing)
        except ValueError:
            continue
        try:
            call = _eager(feature, framing) if framing == main else _compiled(feature, framing)
            rows = call(noise(framing.samples))
        except Exception as error:
            raise BrokenPromiseError(f"it raised {error!r} under {framing}") from error
        expected, found = ((framing.frames, feature.channels), "float32"), (tuple(rows.shape), str(rows.dtype))
        expect(found == expected, f"expected {expected}, got {found} under {framing}")
        expect(np.isfinite(rows).all(), f"it is not finite on noise under {framing}")


def _eager(feature: Feature, framing: Framing) -> Callable[[Array], Array | np.ndarray]:
    return lambda samples: feature(Signal(samples, framing))


def _compiled(feature: Feature, framing: Framing) -> Callable[[Array], Array | np.ndarray]:
    """The feature under a framing, compiled if JAX can trace it, which another check requires."""
    call = _eager(feature, framing)

    def compiled(samples: Array) -> Array | np.ndarray:
        try:
            return jax.jit(call)(samples)
        except (jax.errors.JAXTypeError, jax.errors.JAXIndexError):
            return call(samples)

    return call if getattr(feature, "host", False) else compiled


def _check_context(feature: Feature, framing: Framing, call: Callable[[Array], Array]) -> None:
    samples, other = noise(framing.samples), 1 - 3 * noise(framing.samples, seed=1)
    rows, indices = call(samples), np.arange(framing.samples)
    padding = framing.frame_length // 2 if framing.center else 0
    for frame in sorted({0, framing.frames // 2, framing.frames - 1}):
        before = framing.frames if feature.recursive else feature.context[0]
        first = (frame - before) * framing.hop_length - padding
        end = (frame + feature.context[1]) * framing.hop_length - padding + framing.frame_length
        changed = call(jnp.where((indices < first - 1) | (indices >= end), other, samples))
        outside = f"samples outside of context {feature.context} change frame {frame}: "
        expect_close(changed[frame], rows[frame], outside)


def _check_stream(feature: Feature, main: Framing) -> None:
    framing = replace(main, center=False)
    samples = noise(framing.samples)
    padded = jnp.pad(samples, (1, 0))

    @jax.jit
    def one(samples: Array, state: Array | None) -> tuple[Array, Array]:
        signal = MatrixFrameSignal(samples, framing, state)
        return feature(signal)[0], signal.next_state

    rows, state = [], None
    for start in range(0, framing.frames * framing.hop_length, framing.hop_length):
        row, state = one(padded[start : start + 1 + framing.frame_length], state)
        rows.append(row)
    # the first and the last frame of a window have ends (of zero crossings), those of a stream have none
    expect_close(jnp.stack(rows)[1:-1], feature(Signal(samples, framing))[1:-1])


def _signals(size: int) -> dict[str, Array]:
    alternating = jnp.where(jnp.arange(size) // 50 % 2, 1.0, -1.0)
    return {
        "noise": noise(size),
        "silence": jnp.zeros(size),
        "a constant": jnp.full(size, 0.5),
        "a single click": jnp.zeros(size).at[size // 2].set(1.0),
        "full scale": alternating,
        "a signal of 1e-8": 1e-8 * alternating,
    }
