"""Every built-in feature keeps its contract, and the checks fail on a feature that breaks a single promise."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aersut.contracts import Feature, Framing
from aersut.features import MFCC, RMS, LogMel, Signal
from aersut.registry import FEATURES
from aersut.testing import Check, check_feature, feature_checks


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FEATURES, "_plugins", dict(FEATURES._plugins))


@pytest.mark.parametrize(
    "check", [check for name in FEATURES.names() for check in feature_checks(FEATURES[name]())], ids=str
)
def test_built_in(check: Check) -> None:
    check()


def test_another_framing() -> None:
    check_feature(MFCC(n_mels=40), Framing(sample_rate=8_000, seconds=0.3, frame_length=300, hop_length=70))


def test_a_framing_that_the_feature_refuses_is_reported() -> None:
    with pytest.raises(AssertionError, match=r"computed under the framing.*Nyquist"):
        check_feature(MFCC(fmax=9_000.0))


def _feature(function: Callable[[Signal], jax.Array], **declared: object) -> Feature:
    """Register a feature under the name "example" that calls `function`."""

    class Example(Feature):
        """A feature."""

        channels = 1

        def __call__(self, signal: Signal) -> jax.Array:
            return function(signal)

    for name, value in declared.items():
        setattr(Example, name, value)
    return FEATURES.register("example")(dataclass(frozen=True)(Example))()


def _rms(signal: Signal) -> jax.Array:
    return RMS()(signal)


def _peak(signal: Signal) -> jax.Array:
    return jnp.max(jnp.abs(signal.frames()), axis=1, keepdims=True)


def _neighbours(signal: Signal) -> jax.Array:
    peak = jnp.pad(_peak(signal), ((1, 1), (0, 0)), mode="edge")
    return peak[2:] - peak[:-2]


def _host(signal: Signal) -> np.ndarray:
    return np.abs(np.asarray(signal.frames())).max(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("function", "declared"),
    [
        (_neighbours, {"context": (1, 1)}),
        (lambda signal: _peak(signal) / (1e-3 + jnp.max(_peak(signal))), {"whole_utterance": True}),
        (_host, {"host": True}),
    ],
)
def test_a_correct_feature_passes(function: Callable[[Signal], jax.Array], declared: dict[str, object]) -> None:
    check_feature(_feature(function, **declared))


def _impure(signal: Signal) -> jax.Array:
    signal.samples = signal.samples * 0.9
    return _peak(signal) + jnp.max(signal.samples)


def _random(signal: Signal) -> np.ndarray:
    return _host(signal) + np.random.default_rng().uniform(size=1).astype(np.float32)


def _unlike_when_traced(signal: Signal) -> jax.Array:
    return _peak(signal) * (2 if isinstance(signal.samples, jax.core.Tracer) else 1)


@pytest.mark.parametrize(
    ("function", "declared", "promise"),
    [
        (_rms, {"channels": None}, "channels is known before any call"),
        (_rms, {"channels": 2}, r"f32\[frames, channels\]"),
        (lambda signal: _rms(signal)[1:], {}, r"f32\[frames, channels\]"),
        (lambda signal: np.zeros(_rms(signal).shape), {}, r"f32\[frames, channels\]"),
        (lambda signal: _rms(signal).astype(jnp.float16), {}, r"f32\[frames, channels\]"),
        (
            lambda signal: Signal(signal.samples, Framing(16_000, 0.5, 512, 160)).frames()[:, :1],
            {},
            "under Framing|f32",
        ),
        (lambda signal: jnp.log(_peak(signal)), {}, "finite.*silence"),
        (lambda signal: 1 / (_peak(signal) - 1), {}, "finite.*click|finite.*full scale"),
        (lambda signal: np.log(_host(signal) + (_host(signal) > 0)) / (_host(signal) > 0), {"host": True}, "silence"),
        (lambda signal: jnp.sqrt(jnp.mean(signal.frames() ** 2, axis=1, keepdims=True)), {}, "gradient.*silence"),
        (_impure, {}, "deterministic and pure"),
        (_random, {"host": True}, "deterministic and pure"),
        (_host, {}, "jax.jit traces it"),
        (_unlike_when_traced, {}, "jit and eager agree"),
        (_neighbours, {}, "context alone"),
        (_neighbours, {"context": (1, 0)}, "context alone"),
        (_neighbours, {"context": (0, 1)}, "context alone"),
        (lambda signal: _peak(signal) - jnp.mean(signal.samples), {}, "context alone"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy warns of the defect that the check must find
def test_a_broken_promise_is_reported(
    function: Callable[[Signal], jax.Array], declared: dict[str, object], promise: str
) -> None:
    with pytest.raises(AssertionError, match=f"feature 'example' breaks a promise.*({promise})"):
        check_feature(_feature(function, **declared))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LogMel(n_mels=0), "n_mels .* 0"),
        (lambda: LogMel(fmin=-1.0), "fmin .* -1"),
        (lambda: LogMel(fmin=500.0, fmax=400.0), "fmax .* 400"),
        (lambda: LogMel(pre_emphasis=1.5), "pre_emphasis .* 1.5"),
        (lambda: LogMel(amin=0.0), "amin .* 0"),
        (lambda: MFCC(n_mels=0), "n_mels .* 0"),
        (lambda: MFCC(amin=-1.0), "amin .* -1"),
        (lambda: MFCC(n_mfcc=0), "n_mfcc .* 0"),
        (lambda: MFCC(n_mfcc=41, n_mels=40), r"n_mfcc .*40.* 41"),
        (lambda: MFCC(fmin=-1.0), "fmin .* -1"),
        (lambda: MFCC(fmax=0.0), "fmax .* 0"),
        (lambda: MFCC(pre_emphasis=-0.1), "pre_emphasis .* -0.1"),
        (lambda: MFCC(fmax=8_001.0).check(Framing(sample_rate=16_000)), "fmax 8001.* Nyquist .* 8000 Hz at 16000"),
        (lambda: LogMel(fmin=8_001.0).check(Framing(sample_rate=16_000)), "fmin 8001.* Nyquist"),
    ],
)
def test_bad_fields(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_half_the_sample_rate_is_a_valid_edge() -> None:
    MFCC(fmax=8_000.0).check(Framing(sample_rate=16_000))
