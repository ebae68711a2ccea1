"""The frontend: scaling fitted on the training set only, augmented training examples, validation of features."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from aersut.augment import Background, Codec, Example, Gain, TimeShift
from aersut.augment.random_apply import apply_with_probability
from aersut.config import Experiment
from aersut.contracts import Augmenter, Feature, Framing
from aersut.data.feature_table import FeatureTable
from aersut.errors import UserError
from aersut.features import MFCC, RMS, ZCR, EGeMAPS
from aersut.features.frontend import Frontend
from aersut.features.signal import Signal
from aersut.registry import AUGMENTERS
from aersut.run import make_frontend

FRAMING = Framing(sample_rate=16_000, seconds=0.5, frame_length=512, hop_length=256)
PLAIN = Frontend(FRAMING, (RMS(), ZCR()), (), classes=8)
SHIFTED = replace(PLAIN, augment=(TimeShift(probability=1.0),))
EVERY = np.argwhere(np.ones((90, 2), bool))


@pytest.fixture
def table(tmp_path: Path) -> FeatureTable:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(90, 2, 5, 2)) * [3, 0] + [-400, 0.1]
    values[45:] += [50, 7]
    np.save(tmp_path / "table.npy", values.astype(np.float32))
    return FeatureTable(tmp_path / "table.npy")


def test_scaling_is_fitted_on_the_training_set_only(table: FeatureTable) -> None:
    training = np.argwhere(np.ones((45, 2), bool))  # more than one batch
    frontend = PLAIN.fit_scaling(table, training)
    values = table.take(training)[..., 0]
    assert frontend.scaling.mean[0] == pytest.approx(values.mean(dtype=np.float64), rel=1e-6)
    assert frontend.scaling.deviation[0] == pytest.approx(values.std(dtype=np.float64), rel=1e-5)
    scaled = np.asarray(frontend.scaled(jnp.asarray(table.take(training))))[..., 0]
    assert scaled.mean() == pytest.approx(0, abs=1e-4)
    assert scaled.std() == pytest.approx(1, abs=1e-4)
    held_out = np.asarray(frontend.scaled(jnp.asarray(table.take(np.array([[45, 0]])))))[..., 0]
    assert held_out.mean() > 10


def test_a_constant_channel_has_standard_deviation_1(table: FeatureTable) -> None:
    training = np.argwhere(np.ones((45, 2), bool))
    frontend = PLAIN.fit_scaling(table, training)
    assert frontend.scaling.deviation[1] == 1
    scaled = np.asarray(frontend.scaled(jnp.asarray(table.take(training))))
    np.testing.assert_allclose(scaled[..., 1], 0, atol=1e-6)


def test_without_scaling_features_are_unchanged() -> None:
    np.testing.assert_array_equal(PLAIN.scaled(jnp.full((2, 2), 3.0)), 3)


def _batch() -> dict[str, jax.Array]:
    audio = (3000 * jnp.sin(jnp.arange(FRAMING.samples) * 0.1)).astype(jnp.int16)
    return {"audio": jnp.stack([audio] * 3), "label": jnp.array([1, 1, 4])}


def _examples(
    frontend: Frontend, batch: dict[str, jax.Array] | None = None, seed: int = 0
) -> tuple[jax.Array, jax.Array]:
    """Values and labels, as in the training step."""

    def step(key: jax.Array, batch: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
        examples = frontend.training_examples(key, batch)
        return examples.values, examples.label

    return jax.jit(step)(jax.random.key(seed), _batch() if batch is None else batch)


def test_training_examples_are_the_clips_features_and_labels(table: FeatureTable) -> None:
    frontend = PLAIN.fit_scaling(table, EVERY)
    features, label = _examples(frontend)
    expected = frontend.extract(_batch()["audio"][0].astype(jnp.float32) / 32768)
    np.testing.assert_allclose(features[2], expected, atol=1e-4)
    np.testing.assert_array_equal(label, np.eye(8)[[1, 1, 4]])
    cached, _ = _examples(frontend, {"features": expected[None], "label": jnp.array([1])})
    np.testing.assert_allclose(cached[0], features[0], atol=1e-4)


def test_equal_clips_are_augmented_differently_in_a_batch_and_under_another_key() -> None:
    one, two = (_examples(SHIFTED, seed=seed)[0] for seed in (0, 1))
    for a, b in ((one[0], one[1]), (one[1], one[2]), (one[0], two[0])):
        assert np.abs(a - b).max() > 1e-5


@pytest.fixture
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AUGMENTERS, "_plugins", dict(AUGMENTERS._plugins))


def _plugin(name: str, chosen: str, change: Callable[[Example], Example]) -> Augmenter:
    @AUGMENTERS.register(name)
    @dataclass(frozen=True)
    class Plugin(Augmenter):
        """An augmenter."""

        domain = chosen

        def __call__(self, key: jax.Array, example: Example) -> Example:
            return change(example)

    return Plugin()


@pytest.mark.usefixtures("_registry")
def test_augmenters_run_by_domain_in_order_and_mix_labels() -> None:
    plugins = (
        _plugin("mix", "batch", lambda e: replace(e, values=e.values[::-1], label=(e.label + e.label[::-1]) / 2)),
        _plugin("double", "features", lambda e: replace(e, values=2 * e.values)),
        _plugin("one", "features", lambda e: replace(e, values=e.values + 1)),
        _plugin("mute", "waveform", lambda e: replace(e, values=0 * e.values)),
    )
    frontend = replace(PLAIN, augment=plugins)
    features, label = _examples(frontend)
    np.testing.assert_allclose(features, 1)  # of silence 0, doubled, plus 1
    np.testing.assert_array_equal(label[0], np.eye(8)[[1, 4]].mean(axis=0))
    given = jnp.arange(3.0)[:, None, None] * jnp.ones((3, *PLAIN.shape))
    cached, _ = _examples(frontend, {"features": given, "label": jnp.array([0, 1, 2])})
    np.testing.assert_allclose(cached[:, 0, 0], [5, 3, 1])  # the cache holds no waveform


def test_per_utterance_scaling_removes_mean_and_standard_deviation_of_each_clip() -> None:
    frontend = replace(PLAIN, per_utterance=True)
    rows = np.random.default_rng(0).standard_normal((3, 20, 2)).astype(np.float32) * [[[5, 0]]] + [[[7, 3]]]
    scaled = np.asarray(frontend.scaled(jnp.asarray(rows, jnp.float32)))
    np.testing.assert_allclose(scaled[..., 0].mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(scaled[..., 0].std(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(scaled[..., 1], 0, atol=1e-5)  # a constant channel is finite


def test_augmented_windows_are_rounded_to_16_bits() -> None:
    frontend = replace(PLAIN, augment=(Gain(db=(3.0, 3.0), probability=1.0),))
    audio = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (2, FRAMING.samples)), jnp.float32)
    changed, _ = frontend.transformed(audio, jax.random.split(jax.random.key(0), 2))
    steps = np.asarray(changed) * 32768
    np.testing.assert_array_equal(steps, np.rint(steps))
    assert steps.max() == 32767
    assert steps.min() == -32768


def test_an_unchanged_clip_costs_no_computation_on_a_cpu() -> None:
    computed: list[int] = []

    @dataclass(frozen=True)
    class Counted(Augmenter):
        """Halves the samples half the time, and counts how often."""

        def __call__(self, key: jax.Array, example: Example) -> Example:
            def halved() -> jax.Array:
                jax.debug.callback(lambda: computed.append(1))
                return example.values / 2

            return apply_with_probability(key, 0.5, example, halved)

    audio = jnp.full((32, FRAMING.samples), 0.5)
    frontend = replace(PLAIN, augment=(Counted(),))
    changed, _ = jax.jit(frontend.transformed)(audio, jax.random.split(jax.random.key(0), 32))
    jax.effects_barrier()
    halves = int((changed[:, 0] == 0.25).sum())
    assert len(computed) == halves
    assert 8 < halves < 24


def test_a_band_edge_above_nyquist_is_reported() -> None:
    features = (MFCC(fmax=9_000.0),)
    with pytest.raises(ValueError, match=r"fmax 9000.* Nyquist frequency, 8000 Hz at 16000 Hz"):
        replace(PLAIN, features=features)
    with pytest.raises(ValueError, match="fmin 8000.0 is not below the Nyquist frequency, 8000 Hz at 16000 Hz"):
        replace(PLAIN, features=(MFCC(fmin=8_000.0),))
    with pytest.raises(UserError, match=r"experiment\.features: .*fmax 9000"):
        make_frontend(Experiment(framing=FRAMING, features=features))


def test_a_feature_that_cannot_be_a_key_is_reported() -> None:
    @dataclass(frozen=True)
    class Listed(MFCC):
        edges: list[int] = field(default_factory=list)

    with pytest.raises(ValueError, match="a field of Listed must be hashable: unhashable type: 'list'; use a tuple"):
        replace(PLAIN, features=(Listed(),))


def test_a_feature_around_one_of_the_host_runs_on_the_host() -> None:
    @dataclass(frozen=True)
    class OfTwo(Feature):
        parts: tuple[Feature, ...]
        channels = 2

        def __call__(self, signal: Signal) -> Array:
            return jnp.concatenate([signal.feature(part) for part in self.parts], axis=1)

    assert OfTwo((RMS(), EGeMAPS())).host
    assert not OfTwo((RMS(), ZCR())).host


def test_an_augmenter_around_another_has_its_recordings_and_host(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Twice(Augmenter):
        of: Augmenter

        def __call__(self, key: jax.Array, example: Example) -> Example:
            return self.of(key, self.of(key, example))

    assert Twice(Codec()).host
    assert not Twice(Gain()).host
    (tmp_path / "a.wav").write_bytes(b"one")
    one = Twice(Background(str(tmp_path)))
    before = one.fingerprint()
    assert one.recordings() == [tmp_path / "a.wav"]
    (tmp_path / "a.wav").write_bytes(b"two")
    assert one.fingerprint() != before
