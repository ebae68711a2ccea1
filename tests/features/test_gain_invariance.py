"""Features that normalize the level: the gain of the microphone cancels, and the values are those of the definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from aersut.augment import Equalize, MelNoise, MelWarp
from aersut.contracts import Augmenter, Feature, Framing
from aersut.features import MFCC, PCEN, Centered, Delta, LogEnergy, LogMel, Mel, Rasta, Relative, Signal
from aersut.features.frontend import Frontend
from aersut.testing import Check, feature_checks

FRAMING = Framing(sample_rate=16_000, seconds=1.0, frame_length=512, hop_length=256)
LOUDNESS = np.repeat(np.random.default_rng(1).uniform(0.001, 0.1, 8), 2_000)
SPEECH = (LOUDNESS * np.random.default_rng(0).uniform(-1, 1, 16_000)).astype(np.float32)
GAIN_INVARIANT = (
    Relative(),
    Relative(decay_db=20.0),
    Relative(of=LogEnergy()),
    Centered(level=False),
    Centered(level=False, time_constant=0.5, variance=True),
    PCEN(gain=1.0),
    Rasta(),
)
CAUSAL = (Relative(decay_db=20.0), Centered(time_constant=0.5), Centered(time_constant=0.5, variance=True))


def rows(feature: Feature, samples: np.ndarray = SPEECH) -> np.ndarray:
    return np.asarray(feature(Signal(jnp.asarray(samples), FRAMING)))


@pytest.mark.parametrize("feature", GAIN_INVARIANT, ids=repr)
@pytest.mark.parametrize("gain_db", [-24.0, 24.0])
def test_the_gain_cancels(feature: Feature, gain_db: float):
    np.testing.assert_allclose(rows(feature, SPEECH * 10 ** (gain_db / 20)), rows(feature), atol=2e-3)


@pytest.mark.parametrize("check", [check for feature in CAUSAL for check in feature_checks(feature)], ids=str)
def test_contract_of_the_causal_versions(check: Check):
    check()


def test_relative_is_the_level_below_the_maximum_of_the_window():
    levels = rows(LogMel())
    np.testing.assert_allclose(rows(Relative(range_db=30.0)), np.maximum(levels - levels.max(), -30), atol=1e-4)
    assert rows(Relative(range_db=None)).min() < -30


def test_the_running_maximum_falls_at_a_constant_rate():
    level, expected = -np.inf, []
    for row in rows(LogMel()):
        level = max(row.max(), level - 20 * 256 / 16_000)
        expected.append(np.maximum(row - level, -60))
    np.testing.assert_allclose(rows(Relative(decay_db=20.0)), expected, atol=1e-3)


def test_rasta_equals_its_transfer_function():
    bands = rows(LogMel()).astype(np.float64)
    expected = scipy.signal.lfilter([0.2, 0.1, 0, -0.1, -0.2], [1, -0.9], bands - bands[0], axis=0)
    np.testing.assert_allclose(rows(Rasta(pole=0.9)), expected, atol=1e-4)


def test_base_features_are_those_that_wrap_no_other_one():
    features = (Delta(of=PCEN()), Relative(of=LogEnergy()), MFCC(), Relative())
    frontend = Frontend(FRAMING, features, (), 8)
    assert frontend.bases == (LogMel(), LogEnergy(), MFCC())
    samples = jnp.asarray(SPEECH[None])
    found = frontend.finished(jax.jit(frontend.transformed)(samples)[1])[0]
    expected = np.concatenate([rows(feature) for feature in features], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_deltas_of_a_recursive_feature_are_recursive():
    assert Delta(of=PCEN()).recursive
    assert not Delta(of=MFCC()).recursive


@pytest.mark.parametrize("features", [(MFCC(),), (LogMel(), LogEnergy()), (Relative(LogMel()), MFCC())])
def test_augmenters_of_a_log_mel_spectrogram_refuse_other_base_features(features: tuple[Feature, ...]):
    Frontend(FRAMING, (Relative(), Delta(of=LogMel())), (MelNoise(),), 8)
    with pytest.raises(ValueError, match="augmenter 'mel_noise' changes a log-mel spectrogram, and the base features"):
        Frontend(FRAMING, features, (MelNoise(),), 8)


@pytest.mark.parametrize("fields", [{"top_db": 80.0}, {"pre_emphasis": 0.97}])
def test_they_refuse_a_spectrogram_whose_floor_or_level_they_do_not_know(fields: dict[str, float]):
    with pytest.raises(ValueError, match="'mel_noise' changes .* log_mel alone without top_db and pre_emphasis"):
        Frontend(FRAMING, (LogMel(**fields),), (MelNoise(),), 8)
    Frontend(FRAMING, (LogMel(**fields),), (Equalize(), MelWarp()), 8)


@pytest.mark.parametrize("augmenter", [Equalize(), MelWarp()])
@pytest.mark.parametrize("features", [(MFCC(),), (LogMel(), LogEnergy()), (Mel(),)])
def test_augmenters_of_bands_refuse_other_channels(augmenter: Augmenter, features: tuple[Feature, ...]):
    with pytest.raises(ValueError, match="changes the bands of a spectrogram in dB, and the base features are"):
        Frontend(FRAMING, features, (augmenter,), 8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PCEN(gain=1.1), "gain .* 1.1"),
        (lambda: PCEN(bias=-1.0), "bias .* -1"),
        (lambda: PCEN(power=0.0), "power .* 0"),
        (lambda: PCEN(time_constant=0.0), "time_constant .* 0"),
        (lambda: Rasta(pole=1.0), "pole .* 1.0"),
        (lambda: Relative(range_db=0.0), "range_db .* 0"),
        (lambda: Relative(decay_db=-1.0), "decay_db .* -1"),
        (lambda: Centered(time_constant=0.0), "time_constant .* 0"),
        (lambda: Centered(range_db=-1.0), "range_db .* -1"),
        (lambda: LogEnergy(amin=0.0), "amin .* 0"),
    ],
)
def test_bad_fields(make, message: str):
    with pytest.raises(ValueError, match=message):
        make()
