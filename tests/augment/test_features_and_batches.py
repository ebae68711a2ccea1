"""Augmenters of features and batches have the effect of their fields."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aersut.augment import Equalize, Example, FreqMixStyle, MelWarp, Mixup, SpecAugment

FEATURES = np.random.default_rng(0).standard_normal((60, 20)).astype(np.float32) + 5
EXAMPLE = Example(jnp.asarray(FEATURES), jnp.eye(8)[1], 16_000)


def masks(augmenter, keys=200):
    """Values under many keys, and which cells changed."""
    many = jax.random.split(jax.random.key(0), keys)
    changed = np.asarray(jax.jit(jax.vmap(lambda key: augmenter(key, EXAMPLE).values))(many))
    return changed, changed != FEATURES


class TestSpecAugment:
    def test_masks_adjacent_frames(self):
        _, changed = masks(SpecAugment(time_masks=1, time_width=10, channel_masks=0))
        assert (changed.all(axis=2) == changed.any(axis=2)).all()  # whole frames
        frames = changed.any(axis=2)
        assert set(frames.sum(axis=1)) == set(range(11))
        assert all(np.ptp(np.flatnonzero(one)) + 1 == one.sum() for one in frames if one.any())
        assert frames.any(axis=0).all()  # anywhere

    def test_masks_adjacent_channels(self):
        _, changed = masks(SpecAugment(time_masks=0, channel_masks=1, channel_width=4))
        channels = changed.any(axis=1)
        assert (changed.all(axis=1) == channels).all()
        assert set(channels.sum(axis=1)) == set(range(5))

    def test_masked_cells_have_the_mean_of_their_channel(self):
        values, changed = masks(SpecAugment())
        mean = np.broadcast_to(FEATURES.mean(axis=0), FEATURES.shape)
        np.testing.assert_allclose(values[changed], np.broadcast_to(mean, values.shape)[changed], rtol=1e-5)

    def test_masks_at_most_half_of_the_frames(self):
        _, changed = masks(SpecAugment(time_masks=1, time_width=500, channel_masks=0))
        assert changed.any(axis=2).sum(axis=1).max() == 30

    @pytest.mark.parametrize("field", ["time_masks", "channel_masks"])
    def test_refuses_a_negative_number_of_masks(self, field):
        with pytest.raises(ValueError, match=f"{field} must be 0 or more"):
            SpecAugment(**{field: -1})

    @pytest.mark.parametrize("field", ["time_width", "channel_width"])
    def test_refuses_masks_of_width_0(self, field):
        with pytest.raises(ValueError, match=f"{field} must be at least 1"):
            SpecAugment(**{field: 0})


class TestMelWarp:
    RIDGE = Example(jnp.exp(-0.5 * (jnp.arange(40.0) - 20) ** 2 / 4) * jnp.ones((30, 1)), jnp.eye(8)[1], 16_000)
    STILL = {"bands": (1.0, 1.0), "shift": (0.0, 0.0), "tempo": (1.0, 1.0)}

    def warped(self, example: Example = RIDGE, **fields):
        return np.asarray(MelWarp(**{**self.STILL, **fields})(jax.random.key(0), example).values)

    def test_factors_of_1_change_nothing(self):
        np.testing.assert_allclose(self.warped(), self.RIDGE.values, atol=1e-6)

    def test_moves_bands_up_by_a_factor(self):
        assert (self.warped(bands=(1.3, 1.3)).argmax(axis=1) == 26).all()

    def test_shifts_bands(self):
        assert (self.warped(shift=(-3.0, -3.0)).argmax(axis=1) == 17).all()

    def test_makes_a_clip_faster_and_repeats_its_last_frame(self):
        ramp = Example(jnp.arange(30.0)[:, None] * jnp.ones((1, 5)), jnp.eye(8)[1], 16_000)
        expected = np.minimum(2 * np.arange(30), 29)
        np.testing.assert_allclose(self.warped(ramp, tempo=(2.0, 2.0))[:, 3], expected, atol=1e-5)

    def test_draws_within_its_range(self):
        keys = jax.random.split(jax.random.key(0), 100)
        warp = MelWarp(**{**self.STILL, "shift": (-4.0, 4.0)})
        peaks = np.asarray(jax.vmap(lambda key: warp(key, self.RIDGE).values)(keys)).argmax(axis=2)[:, 0]
        assert (peaks.min(), peaks.max()) == (16, 24)

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"bands": (0.0, 1.0)}, "bands must be above 0"),
            ({"tempo": (1.2, 0.8)}, "tempo must be .lowest, highest."),
            ({"shift": (2.0, -2.0)}, "shift must be .lowest, highest."),
            ({"probability": 1.5}, "probability must be between 0 and 1"),
        ],
    )
    def test_refuses_invalid_ranges(self, fields, message):
        with pytest.raises(ValueError, match=message):
            MelWarp(**fields)


class TestEqualize:
    def curves(self, **fields):
        keys = jax.random.split(jax.random.key(0), 400)
        equalize = Equalize(**fields)
        return np.asarray(jax.vmap(lambda key: equalize(key, EXAMPLE).values)(keys)) - FEATURES

    def test_adds_the_same_curve_to_all_frames(self):
        curves = self.curves()
        np.testing.assert_allclose(curves, np.broadcast_to(curves[:, :1], curves.shape), atol=1e-5)

    def test_the_curve_is_piecewise_linear_with_the_standard_deviation_of_its_field(self):
        curves = self.curves(db=2.0, points=3)[:, 0]
        ends = curves[:, [0, -1]]
        assert ends.std() == pytest.approx(2.0, rel=0.1)
        np.testing.assert_allclose(
            curves[0, :10], ends[0, 0] + (curves[0, 9] - ends[0, 0]) * np.arange(10) / 9, atol=1e-4
        )

    def test_one_point_changes_the_gain(self):
        assert np.ptp(self.curves(points=1)[:, 0], axis=1).max() < 1e-4

    @pytest.mark.parametrize(
        ("fields", "message"), [({"db": 0.0}, "db must be above 0"), ({"points": 0}, "points must be at least 1")]
    )
    def test_refuses_values_out_of_range(self, fields, message):
        with pytest.raises(ValueError, match=message):
            Equalize(**fields)


class TestMixup:
    def test_mixes_values_and_labels_with_the_same_weight(self):
        # each example has its own value, so the mixture identifies its two sources
        numbers = jnp.arange(8.0)
        batch = Example(jnp.broadcast_to(2.0 ** numbers[:, None, None], (8, 3, 2)), jnp.eye(8), 16_000)
        for seed in range(10):
            mixed = Mixup(alpha=1.0)(jax.random.key(seed), batch)
            expected = np.asarray(mixed.label) @ 2.0 ** np.arange(8)
            np.testing.assert_allclose(mixed.values, np.broadcast_to(expected[:, None, None], (8, 3, 2)), rtol=1e-5)
            assert (np.count_nonzero(np.asarray(mixed.label), axis=1) <= 2).all()

    def test_draws_weights_from_the_beta_distribution(self):
        batch = Example(jnp.zeros((400, 1, 1)), jnp.repeat(jnp.eye(2), 200, axis=0), 16_000)
        label = np.asarray(Mixup(alpha=0.2)(jax.random.key(0), batch).label)
        others = np.where(np.arange(400) < 200, label[:, 1], label[:, 0])  # half have a partner of the other class
        extreme = np.mean((others < 0.05) | (others > 0.95))
        assert extreme > 0.6  # Beta(0.2, 0.2) is mostly at its ends
        assert np.mean(others) == pytest.approx(0.25, abs=0.07)

    @pytest.mark.parametrize("alpha", [0.0, -1.0])
    def test_refuses_alpha_of_0_or_less(self, alpha):
        with pytest.raises(ValueError, match="alpha must be above 0"):
            Mixup(alpha=alpha)


class TestFreqMixStyle:
    RNG = np.random.default_rng(0)
    VALUES = RNG.normal(RNG.uniform(-80, 0, (2, 1, 5)), RNG.uniform(8, 20, (2, 1, 5)), (2, 50, 5))
    BATCH = Example(jnp.asarray(VALUES), jnp.eye(2), 16_000)

    def changed(self, seed: int, **fields) -> np.ndarray:
        result = FreqMixStyle(**fields)(jax.random.key(seed), self.BATCH)
        np.testing.assert_array_equal(result.label, self.BATCH.label)
        return np.asarray(result.values)

    def test_mixes_mean_and_deviation_with_one_weight_and_keeps_the_course_over_time(self):
        mean, deviation = self.VALUES.mean(axis=1), self.VALUES.std(axis=1)
        weights = []
        for seed in range(40):
            found = self.changed(seed, probability=1.0)
            weight = (found.mean(axis=1) - mean) / (mean[::-1] - mean)
            np.testing.assert_allclose(weight, np.broadcast_to(weight[:, :1], weight.shape), atol=1e-3)
            expected = deviation + weight * (deviation[::-1] - deviation)
            np.testing.assert_allclose(found.std(axis=1), expected, rtol=0.02)  # a constant is added to the variance
            course = (found - found.mean(axis=1, keepdims=True)) / found.std(axis=1, keepdims=True)
            own = (self.VALUES - mean[:, None]) / deviation[:, None]
            np.testing.assert_allclose(course, own, atol=1e-3)
            weights += weight[:, 0].tolist()
        assert min(weights) > -1e-4
        assert max(weights) < 1 + 1e-4
        assert np.ptp(weights) > 0.8

    def test_changes_examples_with_its_probability(self):
        np.testing.assert_allclose(self.changed(0, probability=0.0), self.VALUES, atol=1e-4)
        found = [self.changed(seed, probability=0.5) for seed in range(100)]
        kept = np.isclose(found, self.VALUES, atol=1e-4).all(axis=(2, 3)).mean()
        assert 0.6 < kept < 0.9, "half of them, and half of the others, whose partner is the example itself"

    def test_refuses_alpha_of_0(self):
        with pytest.raises(ValueError, match="alpha must be above 0"):
            FreqMixStyle(alpha=0.0)
