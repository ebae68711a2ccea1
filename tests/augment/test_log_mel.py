"""Gain, noise, filter and shift of a log-mel spectrogram agree with those of the waveform."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aersut import matrices
from aersut.augment import BandLimit, Example, Gain, MelBandLimit, MelGain, MelNoise, MelReverb, MelShift, Reverb
from aersut.augment.example import STANDARD, LogMelScale
from aersut.augment.mel_bands import band_frequencies, silent_frames
from aersut.contracts import Augmenter, Framing
from aersut.features import PCEN, LogMel
from aersut.features.frontend import Frontend
from aersut.features.signal import Signal

RATE, BANDS, FLOOR = 16_000, 64, -70.0
FRAMING = Framing(sample_rate=RATE, seconds=2.0, frame_length=1024, hop_length=512)
HISS = (0.02 * np.random.default_rng(0).standard_normal(2 * RATE)).astype(np.float32)
VOICE = HISS * (np.arange(2 * RATE) < RATE)
"""White noise for one second, then digital silence."""


@jax.jit
def log_mel(samples: jax.Array) -> jax.Array:
    return LogMel(n_mels=BANDS, amin=1e-7)(Signal(samples, FRAMING))


def under_keys(
    augmenter: Augmenter,
    values: np.ndarray,
    keys: int = 100,
    sample_rate: int = RATE,
    scale: LogMelScale = STANDARD,
) -> np.ndarray:
    example = Example(jnp.asarray(values, jnp.float32), jnp.eye(8)[1], sample_rate, scale)
    many = jax.random.split(jax.random.key(0), keys)
    return np.asarray(jax.jit(jax.vmap(lambda key: augmenter(key, example).values))(many))


def waveform(augmenter: Augmenter, samples: np.ndarray) -> np.ndarray:
    changed = augmenter(jax.random.key(0), Example(jnp.asarray(samples), jnp.eye(8)[1], RATE)).values
    return np.asarray(log_mel(changed))


class TestMelBands:
    def test_frequencies_and_widths_of_two_bands(self):
        # three equal steps of 5 mel up to 1 kHz, 66.67 Hz each
        centers, widths = band_frequencies(2_000, 2)
        np.testing.assert_allclose(centers, [1000 / 3, 2000 / 3])
        np.testing.assert_allclose(widths, [1000 / 3, 1000 / 3])

    @pytest.mark.parametrize("feature", [LogMel(), LogMel(fmin=50.0), LogMel(fmin=300.0, fmax=3_400.0, htk=True)])
    def test_frequencies_are_those_of_the_features_in_training(self, feature):
        frontend = Frontend(Framing(sample_rate=16_000, frame_length=4096), (feature,), (), 8)
        example = frontend.example(jnp.zeros(frontend.base_shape), jnp.eye(8)[0])
        centers, _ = band_frequencies(16_000, feature.n_mels, example.log_mel)
        filters = matrices.mel_filters(16_000, 4096, feature.n_mels, feature.fmin, feature.fmax, feature.htk)
        peaks = filters.argmax(axis=1) * 16_000 / 4096
        np.testing.assert_allclose(peaks, centers, atol=16_000 / 4096)

    def test_floor_and_hop_are_those_of_the_features_in_training(self):
        framing = Framing(sample_rate=16_000, frame_length=512, hop_length=160)
        frontend = Frontend(framing, (PCEN(of=LogMel(amin=1e-7)),), (), 8)
        scale = frontend.example(jnp.zeros(frontend.base_shape), jnp.eye(8)[0]).log_mel
        assert (scale.floor_db, scale.hop_seconds) == (-70.0, 0.01)

    @pytest.mark.parametrize(
        ("augmenter", "field", "value"),
        [
            (MelGain(db=(-20.0, 0.0)), "floor_db", FLOOR),
            (MelNoise(probability=1.0), "floor_db", FLOOR),
            (MelBandLimit(probability=1.0), "floor_db", FLOOR),
            (MelReverb(probability=1.0), "hop_seconds", 0.01),
        ],
    )
    def test_floor_and_hop_are_those_of_the_example_unless_they_are_set(self, augmenter, field, value):
        values, other = log_mel(VOICE), LogMelScale(**{field: value})
        own = under_keys(augmenter, values, scale=other)
        np.testing.assert_array_equal(own, under_keys(replace(augmenter, **{field: value}), values))
        assert not np.array_equal(own, under_keys(augmenter, values))

    def test_a_frame_is_silent_if_all_its_cells_are_at_the_floor(self):
        values = jnp.array([[-70.0, -70.0], [-70.0, -60.0], [-80.0, -75.0]])
        assert silent_frames(values, -70.0).tolist() == [True, False, True]


class TestMelGain:
    def test_is_added_and_limited_by_the_floor(self):
        values = [[-60.0, -10.0], [-70.0, -50.0], [-70.0, -70.0]]
        louder, quieter = (under_keys(MelGain(db=(db, db), floor_db=-70.0), values, keys=1)[0] for db in (20.0, -20.0))
        np.testing.assert_allclose(louder, [[-40, 10], [-50, -30], [-70, -70]])
        np.testing.assert_allclose(quieter, [[-70, -30], [-70, -70], [-70, -70]])

    @pytest.mark.parametrize("db", [-20.0, 12.0])
    def test_agrees_with_the_gain_of_the_waveform(self, db):
        expected = waveform(Gain(db=(db, db), probability=1.0), VOICE)
        [changed] = under_keys(MelGain(db=(db, db), floor_db=FLOOR), log_mel(VOICE), keys=1)
        # where the window begins or ends within a frame, cells may be below the floor
        np.testing.assert_allclose(changed[:30], expected[:30], atol=1e-3)
        np.testing.assert_allclose(changed[34:], FLOOR, atol=1e-4)
        np.testing.assert_allclose(expected[34:], FLOOR, atol=1e-4)

    def test_covers_its_range(self):
        gains = under_keys(MelGain(), [[0.0]], keys=300).ravel()
        assert -30 <= gains.min() < -28
        assert 28 < gains.max() <= 30
        assert abs(gains.mean()) < 3

    def test_refuses_a_descending_range(self):
        with pytest.raises(ValueError, match=r"db must be .lowest, highest."):
            MelGain(db=(3.0, -3.0))


class TestMelNoise:
    def white(self, snr_db: float) -> MelNoise:
        return MelNoise((snr_db, snr_db), slope_db=(0.0, 0.0), curve_db=0.0, floor_db=FLOOR, probability=1.0)

    @pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
    def test_has_the_snr_of_white_noise_in_the_waveform(self, snr_db):
        tone = (0.1 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)
        tone[RATE:] = 0
        power = np.mean(np.square(tone[:RATE]))
        noise = np.random.default_rng(1).standard_normal(2 * RATE).astype(np.float32)
        expected = np.asarray(log_mel(tone + np.sqrt(power / 10 ** (snr_db / 10)) * noise))
        changed = under_keys(self.white(snr_db), log_mel(tone), keys=20)
        # the second half is noise only; its level as a mean of powers
        levels = [10 * np.log10(np.mean(10 ** (one[..., 36:60, :] / 10))) for one in (expected, changed)]
        assert levels[1] == pytest.approx(levels[0], abs=0.5)
        # and the tone remains above the noise
        np.testing.assert_allclose(changed[0, 5:25].max(axis=1), expected[5:25].max(axis=1), atol=1.5)

    def test_fluctuates_as_the_spectrogram_of_white_noise(self):
        noise = np.random.default_rng(2).standard_normal((20, 2 * RATE)).astype(np.float32)
        real = np.asarray(jax.vmap(log_mel)(noise))[:, 2:-2]
        quiet = np.full((60, BANDS), FLOOR)
        quiet[0] = 20.0
        ours = under_keys(self.white(-40.0), quiet, keys=20)[:, 1:]
        for band in (0, 20, 40, 63):
            assert ours[..., band].std() == pytest.approx(real[..., band].std(), rel=0.25)

    def test_adds_powers(self):
        # the result is at least the signal, and equals the noise where the signal is far below it
        values = np.full((40, BANDS), -60.0)
        values[:20] = 0.0
        changed = under_keys(self.white(10.0), values, keys=5)
        assert (changed >= values - 1e-4).all()
        loud, quiet = (np.mean(10 ** (changed[:, part] / 10)) for part in (slice(0, 20), slice(20, 40)))
        # half of the frames have the mean power 2: 0 dB in one half, nothing in the other; noise of 0.05 everywhere
        assert quiet == pytest.approx(0.05, rel=0.05)
        assert loud == pytest.approx(1.05, rel=0.01)

    def test_frames_of_digital_silence_do_not_count_in_the_snr(self):
        values = np.full((40, BANDS), FLOOR)
        values[:20] = 0.0
        added = under_keys(self.white(10.0), values, keys=5)[:, 20:]
        assert np.mean(10 ** (added / 10)) == pytest.approx(0.1, rel=0.05)

    @pytest.mark.parametrize("slope", [-6.0, -3.0, 3.0])
    def test_has_its_slope_per_octave(self, slope):
        values = np.full((200, BANDS), FLOOR)
        values[0] = 40.0
        noise = MelNoise((0.0, 0.0), (slope, slope), curve_db=0.0, floor_db=FLOOR, probability=1.0)
        levels = 10 * np.log10(np.mean(10 ** (under_keys(noise, values, keys=10)[:, 1:] / 10), axis=(0, 1)))
        fitted = np.polyfit(np.log2(band_frequencies(RATE, BANDS)[0]), levels, 1)[0]
        assert fitted == pytest.approx(slope, abs=0.1)

    def test_draws_slope_curve_and_snr(self):
        values = np.full((200, BANDS), FLOOR)
        values[0] = 40.0
        changed = under_keys(MelNoise(floor_db=FLOOR, probability=1.0), values, keys=200)[:, 1:]
        levels = 10 * np.log10(np.mean(10 ** (changed / 10), axis=1))
        ratios = 40 - 10 * np.log10(10 ** (levels / 10) @ band_frequencies(RATE, BANDS)[1] / 7821)
        assert (ratios.min() > -0.5, ratios.max() < 30.5, np.ptp(ratios) > 25) == (True, True, True)
        slopes = np.polyfit(np.log2(band_frequencies(RATE, BANDS)[0]), levels.T, 1)[0]
        assert slopes.min() < -4.5
        assert slopes.max() > -1.5

    def test_silence_is_unchanged(self):
        values = np.full((10, BANDS), FLOOR)
        np.testing.assert_allclose(under_keys(self.white(0.0), values, keys=3), FLOOR, atol=1e-4)

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"snr_db": (20.0, 0.0)}, "snr_db must be .lowest, highest."),
            ({"slope_db": (0.0, -6.0)}, "slope_db must be .lowest, highest."),
            ({"curve_db": -1.0}, "curve_db must be 0 or more"),
        ],
    )
    def test_refuses_invalid_fields(self, fields, message):
        with pytest.raises(ValueError, match=message):
            MelNoise(**fields)


class TestMelShift:
    def test_every_shift_occurs_and_the_quietest_frame_fills_the_gap(self):
        values = [[5.0, 9.0], [-1.0, 1.0], [4.0, 4.0]]
        changed = under_keys(MelShift(frames=1), values)
        assert {tuple(map(tuple, one)) for one in changed.tolist()} == {
            ((-1.0, 1.0), (4.0, 4.0), (-1.0, 1.0)),
            ((5.0, 9.0), (-1.0, 1.0), (4.0, 4.0)),
            ((-1.0, 1.0), (5.0, 9.0), (-1.0, 1.0)),
        }

    def test_a_shift_longer_than_the_window_leaves_background(self):
        changed = under_keys(MelShift(frames=50), [[5.0], [-1.0]])
        assert {tuple(one.ravel()) for one in changed} == {(5.0, -1.0), (-1.0, -1.0), (-1.0, 5.0)}

    def test_refuses_a_shift_of_0(self):
        with pytest.raises(ValueError, match="frames must be at least 1"):
            MelShift(frames=0)


class TestMelBandLimit:
    def test_agrees_with_the_filter_of_the_waveform(self):
        edges = {"low": (300.0, 300.0), "high": (3400.0, 3400.0), "order": 2, "probability": 1.0}
        expected = waveform(BandLimit(**edges), HISS)[4:-4].mean(axis=0)
        [changed] = under_keys(MelBandLimit(**edges, floor_db=FLOOR), log_mel(HISS), keys=1)
        np.testing.assert_allclose(changed[4:-4].mean(axis=0)[4:], expected[4:], atol=1.0)
        assert np.ptp(expected) > 10

    def test_attenuates_by_3_db_per_order_at_its_edges_and_stops_at_the_floor(self):
        centers = band_frequencies(RATE, BANDS)[0]
        limit = MelBandLimit((centers[10],) * 2, (centers[50],) * 2, 4, floor_db=-30.0, probability=1.0)
        [changed] = under_keys(limit, np.zeros((2, BANDS)), keys=1)
        np.testing.assert_allclose(changed[0, [10, 30, 50]], [-3.01, 0, -3.01], atol=0.01)
        assert changed.min() == -30
        [below] = under_keys(limit, np.full((2, BANDS), -35.0), keys=1)
        np.testing.assert_array_equal(below, -35)  # a cell below the floor is not raised

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"low": (0.0, 100.0)}, "low must be above 0"),
            ({"high": (300.0, 4000.0)}, "high must be above 400"),
            ({"order": 0}, "order must be at least 1"),
        ],
    )
    def test_refuses_an_empty_band(self, fields, message):
        with pytest.raises(ValueError, match=message):
            MelBandLimit(**fields)


class TestMelReverb:
    BURST = HISS * (np.arange(2 * RATE) < RATE // 4)
    """A quarter of a second of noise, then silence: what follows is reverberation alone."""

    def fixed(self, seconds: float, ratio: float) -> MelReverb:
        return MelReverb((seconds, seconds), (ratio, ratio), probability=1.0)

    def test_decays_by_the_time_between_frames(self):
        values = log_mel(self.BURST)
        short = under_keys(self.fixed(0.4, 0.0), values, scale=LogMelScale(hop_seconds=0.016))
        np.testing.assert_allclose(short, under_keys(self.fixed(0.8, 0.0), values), atol=0.1)

    @pytest.mark.parametrize(("seconds", "ratio"), [(0.4, 0.0), (0.8, -6.0), (0.8, 6.0)])
    def test_has_decay_and_level_of_reverberation_in_the_waveform(self, seconds, ratio):
        ways = [
            np.stack([waveform_of(key, seconds, ratio, self.BURST) for key in range(12)]),
            under_keys(self.fixed(seconds, ratio), log_mel(self.BURST), keys=60),
        ]
        # mean in dB, since the random reverberation times of the bands would weigh the longest one most
        levels = [np.mean(one[:, 9:15], axis=(0, 2)) for one in ways]
        np.testing.assert_allclose(levels[1], levels[0], atol=2.5)
        decays = [np.polyfit(np.arange(6) * 512 / RATE, level, 1)[0] for level in levels]
        assert decays[1] == pytest.approx(-60 / seconds, rel=0.1)
        assert decays[1] == pytest.approx(decays[0], rel=0.2)

    def test_the_reverberant_energy_is_that_of_the_ratio(self):
        values = np.full((200, BANDS), -100.0)
        values[0] = 0.0
        powers = 10 ** (under_keys(self.fixed(0.5, -3.0), values, keys=5) / 10)
        np.testing.assert_allclose(powers.sum(axis=1), 1 + 10**0.3, rtol=1e-3)

    def test_no_cell_becomes_quieter(self):
        values = np.asarray(log_mel(HISS))
        assert (under_keys(MelReverb(probability=1.0), values, keys=20) >= values - 1e-3).all()

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"seconds": (0.0, 1.0)}, "seconds must be above 0"),
            ({"direct_db": (3.0, -3.0)}, "direct_db must be .lowest, highest."),
            ({"hop_seconds": 0.0}, "hop_seconds must be above 0"),
            ({"probability": 2.0}, "probability must be between"),
        ],
    )
    def test_refuses_impossible_fields(self, fields, message):
        with pytest.raises(ValueError, match=message):
            MelReverb(**fields)


def waveform_of(key: int, seconds: float, ratio: float, samples: np.ndarray) -> np.ndarray:
    """The spectrogram of reverberation in the waveform."""
    reverb = Reverb((seconds, seconds), (ratio, ratio), probability=1.0)
    changed = reverb(jax.random.key(key), Example(jnp.asarray(samples), jnp.eye(8)[1], RATE)).values
    return np.asarray(log_mel(changed))
