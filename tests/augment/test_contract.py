"""Every built-in augmenter keeps its contract, and the checks fail on one that breaks a single promise."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from aersut.augment import Example, Noise, TimeShift
from aersut.contracts import Augmenter
from aersut.registry import AUGMENTERS
from aersut.testing import Check, augmenter_checks, check_augmenter


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AUGMENTERS, "_plugins", dict(AUGMENTERS._plugins))


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Augmenter]:
    """Create an augmenter by name, with recordings where it needs them, and the fastest codec."""

    def build(name: str, **fields: object) -> Augmenter:
        if name == "codec":
            fields["codecs"] = ("mu_law",)
        if name in WITH_FILES:
            soundfile.write(tmp_path / "hum.wav", 0.1 * np.random.default_rng(0).standard_normal(20_000), 16_000)
            fields["folder"] = str(tmp_path)
        return AUGMENTERS[name](**fields)

    return build


WITH_FILES = ("background", "room")
WITHOUT_FILES = [name for name in AUGMENTERS.names() if name not in WITH_FILES]


@pytest.mark.parametrize(
    "check", [check for name in WITHOUT_FILES for check in augmenter_checks(AUGMENTERS[name]())], ids=str
)
def test_built_in(check: Check) -> None:
    check()


@pytest.mark.parametrize("name", WITH_FILES)
def test_built_in_with_files(name: str, make: Callable[..., Augmenter]) -> None:
    check_augmenter(make(name))


def _augmenter(function: Callable[[jax.Array, Example], Example], chosen: str = "waveform") -> Augmenter:
    """Register an augmenter under the name "example" that calls `function`."""

    @AUGMENTERS.register("example")
    @dataclass(frozen=True)
    class Plugin(Augmenter):
        """An augmenter."""

        domain = chosen

        def __call__(self, key: jax.Array, example: Example) -> Example:
            return function(key, example)

    return Plugin()


def _gain(key: jax.Array, example: Example) -> Example:
    return replace(example, values=example.values * jax.random.uniform(key, minval=0.5, maxval=1.5))


def _mixup(key: jax.Array, example: Example) -> Example:
    weight = jax.random.uniform(key)
    mixed = {
        field: weight * getattr(example, field) + (1 - weight) * jnp.roll(getattr(example, field), 1, axis=0)
        for field in ("values", "label")
    }
    return replace(example, **mixed)


@pytest.mark.parametrize(("function", "domain"), [(_gain, "waveform"), (_gain, "features"), (_mixup, "batch")])
def test_a_correct_augmenter_passes(function: Callable[[jax.Array, Example], Example], domain: str) -> None:
    check_augmenter(_augmenter(function, domain))


def test_an_augmenter_on_the_host_needs_no_gradient() -> None:
    @AUGMENTERS.register("on_the_host_of_a_test")
    @dataclass(frozen=True)
    class OnTheHost(Augmenter):
        """A random gain by NumPy."""

        host = True

        def __call__(self, key: jax.Array, example: Example) -> Example:
            gain, shape = jax.random.uniform(key), jax.ShapeDtypeStruct(example.values.shape, jnp.float32)
            values = jax.pure_callback(np.multiply, shape, gain, example.values, vmap_method="sequential")
            return replace(example, values=values)

    check_augmenter(OnTheHost())


def _in_place(key: jax.Array, example: Example) -> Example:
    object.__setattr__(example, "values", example.values * jax.random.uniform(key))
    return example


def _random(key: jax.Array, example: Example) -> Example:
    return replace(example, values=example.values * np.float32(np.random.default_rng().uniform()))


def _unlike_when_traced(key: jax.Array, example: Example) -> Example:
    return _gain(key, replace(example, values=example.values * (2 if isinstance(key, jax.core.Tracer) else 1)))


def _unlike_in_vmap(key: jax.Array, example: Example) -> Example:
    return (
        _gain(key, example) if "Batch" not in type(example.values).__name__ else replace(example, values=example.values)
    )


def _then(change: Callable[[Example], dict[str, object]]) -> Callable[[jax.Array, Example], Example]:
    return lambda key, example: replace(_gain(key, example), **change(_gain(key, example)))


@pytest.mark.parametrize(
    ("function", "domain", "promise"),
    [
        (_gain, "wave", "domain is one of"),
        (_in_place, "waveform", "does not change its input"),
        (_random, "waveform", "equal keys give equal results"),
        (lambda key, example: example, "waveform", "another key"),
        (lambda key, example: _gain(jax.random.key(0), example), "waveform", "another key"),
        (_then(lambda e: {"values": e.values[1:]}), "waveform", "shape and dtype of values"),
        (_then(lambda e: {"values": e.values.astype(jnp.float16)}), "features", "shape and dtype of values"),
        (_then(lambda e: {"label": e.label[:4]}), "waveform", "shape and dtype of label"),
        (_then(lambda e: {"label": jnp.argmax(e.label)}), "waveform", "shape and dtype of label"),
        (_then(lambda e: {"sample_rate": 8_000}), "waveform", "sample rate"),
        (_then(lambda e: {"label": 2 * e.label}), "waveform", "stays a distribution"),
        (_then(lambda e: {"label": e.label - jnp.roll(e.label, 1) + jnp.roll(e.label, 2)}), "waveform", "distribution"),
        (lambda key, e: replace(_mixup(key, e), label=e.label * 0.9), "batch", "stays a distribution"),
        (_then(lambda e: {"values": e.values / jnp.max(jnp.abs(e.values))}), "waveform", "finite.*silence"),
        (
            _then(lambda e: {"values": e.values / jnp.std(jnp.abs(e.values))}),
            "waveform",
            "finite.*(silence|full scale)",
        ),
        (_then(lambda e: {"values": jnp.arctanh(e.values)}), "waveform", "finite.*full scale"),
        (lambda key, e: _gain(key, e) if float(e.values[0]) else e, "waveform", "jax.jit traces it"),
        (
            _then(lambda e: {"values": e.values + 0 * jnp.sqrt(jnp.sum(jnp.square(e.values)))}),
            "waveform",
            "gradient is finite.*silence",
        ),
        (_unlike_when_traced, "waveform", "jit and eager agree"),
        (_unlike_in_vmap, "waveform", "vmap and single calls agree"),
    ],
)
def test_a_broken_promise_is_reported(
    function: Callable[[jax.Array, Example], Example], domain: str, promise: str
) -> None:
    with pytest.raises(AssertionError, match=f"augmenter 'example' breaks a promise.*{promise}"):
        check_augmenter(_augmenter(function, domain))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Noise(snr_db=(20.0, 10.0)), r"snr_db .*20.0, 10.0"),
        (lambda: Noise(probability=1.1), "probability .* 1.1"),
        (lambda: Noise(probability=float("nan")), "probability .* nan"),
        (lambda: TimeShift(seconds=0.0), "seconds .* 0.0"),
        (lambda: TimeShift(seconds=-0.1), "seconds .* -0.1"),
        (lambda: TimeShift(probability=-0.5), "probability .* -0.5"),
    ],
)
def test_bad_fields(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", AUGMENTERS.names())
def test_probability_of_a_change(name: str, make: Callable[..., Augmenter]) -> None:
    fields = {field.name for field in dataclasses.fields(AUGMENTERS[name])}
    if "probability" not in fields:
        pytest.skip(f"{name} has no probability")
    augmenter = make(name, probability=0.25)
    shape = {"waveform": (4000,), "features": (50, 13), "batch": (4, 50, 13)}[augmenter.domain]
    example = Example(jnp.sin(jnp.arange(np.prod(shape), dtype=jnp.float32)).reshape(shape), jnp.eye(8)[0], 8_000)
    keys = jax.random.split(jax.random.key(3), 400)
    values = jax.jit(lambda keys: jax.lax.map(lambda key: augmenter(key, example).values, keys))(keys)
    before = np.asarray(example.values).reshape(shape if augmenter.domain == "batch" else (1, *shape))
    found = np.asarray(values).reshape(400, *before.shape)
    fraction = float((found != before).any(axis=tuple(range(2, found.ndim))).mean())  # of the examples
    assert 0.17 <= fraction <= 0.33
