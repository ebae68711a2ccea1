"""SpecAugment masks no more than it may; mixup mixes features and labels by one share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aersut.augment import Example, Mixup, SpecAugment

FEATURES = np.random.default_rng(0).standard_normal((60, 20)).astype(np.float32) + 5
EXAMPLE = Example(jnp.asarray(FEATURES), jnp.eye(8)[1], 16_000)


def masks(augmenter, keys=200):
    """Which cells changed, under many keys."""
    many = jax.random.split(jax.random.key(0), keys)
    changed = np.asarray(jax.jit(jax.vmap(lambda key: augmenter(key, EXAMPLE).values))(many))
    return changed, changed != FEATURES


class TestSpecAugment:
    def test_masks_stretches_of_frames(self):
        _, changed = masks(SpecAugment(time_masks=1, time_width=10, channel_masks=0))
        assert (changed.all(axis=2) == changed.any(axis=2)).all()  # whole frames
        frames = changed.any(axis=2)
        assert set(frames.sum(axis=1)) == set(range(11))
        assert all(np.ptp(np.flatnonzero(one)) + 1 == one.sum() for one in frames if one.any())
        assert frames.any(axis=0).all()  # anywhere

    def test_masks_stretches_of_channels(self):
        _, changed = masks(SpecAugment(time_masks=0, channel_masks=1, channel_width=4))
        channels = changed.any(axis=1)
        assert (changed.all(axis=1) == channels).all()
        assert set(channels.sum(axis=1)) == set(range(5))

    def test_puts_the_channels_mean_there(self):
        values, changed = masks(SpecAugment())
        mean = np.broadcast_to(FEATURES.mean(axis=0), FEATURES.shape)
        np.testing.assert_allclose(values[changed], np.broadcast_to(mean, values.shape)[changed], rtol=1e-5)

    def test_leaves_half_of_everything_whatever_its_width(self):
        _, changed = masks(SpecAugment(time_masks=1, time_width=500, channel_masks=0))
        assert changed.any(axis=2).sum(axis=1).max() == 30

    @pytest.mark.parametrize("field", ["time_masks", "channel_masks"])
    def test_refuses_fewer_than_no_masks(self, field):
        with pytest.raises(ValueError, match=f"{field} must be 0 or more"):
            SpecAugment(**{field: -1})

    @pytest.mark.parametrize("field", ["time_width", "channel_width"])
    def test_refuses_masks_of_no_width(self, field):
        with pytest.raises(ValueError, match=f"{field} must be at least 1"):
            SpecAugment(**{field: 0})


class TestMixup:
    def test_mixes_values_and_labels_by_one_share(self):
        # each example is its own number, so that the mixture tells who was mixed with whom
        numbers = jnp.arange(8.0)
        batch = Example(jnp.broadcast_to(2.0 ** numbers[:, None, None], (8, 3, 2)), jnp.eye(8), 16_000)
        for seed in range(10):
            mixed = Mixup(alpha=1.0)(jax.random.key(seed), batch)
            expected = np.asarray(mixed.label) @ 2.0 ** np.arange(8)
            np.testing.assert_allclose(mixed.values, np.broadcast_to(expected[:, None, None], (8, 3, 2)), rtol=1e-5)
            assert (np.count_nonzero(np.asarray(mixed.label), axis=1) <= 2).all()

    def test_draws_shares_from_the_beta_distribution(self):
        batch = Example(jnp.zeros((400, 1, 1)), jnp.repeat(jnp.eye(2), 200, axis=0), 16_000)
        label = np.asarray(Mixup(alpha=0.2)(jax.random.key(0), batch).label)
        others = np.where(np.arange(400) < 200, label[:, 1], label[:, 0])  # half have a partner of the other class
        extreme = np.mean((others < 0.05) | (others > 0.95))
        assert extreme > 0.6  # Beta(0.2, 0.2) is mostly at its ends
        assert np.mean(others) == pytest.approx(0.25, abs=0.07)

    @pytest.mark.parametrize("alpha", [0.0, -1.0])
    def test_refuses_a_distribution_that_is_none(self, alpha):
        with pytest.raises(ValueError, match="alpha must be above 0"):
            Mixup(alpha=alpha)
