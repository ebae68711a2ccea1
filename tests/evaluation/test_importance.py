"""What a network listens to, where the answer is known."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from aersut.evaluation.gradients import attributor
from aersut.evaluation.importance import occlusion, permutation, quieter
from aersut.evaluation.intervals import Resampling

RATE = 8000


@pytest.fixture
def resampling():
    return Resampling.of([str(n % 6) for n in range(120)], 200)


class TestPermutation:
    """A network that hears one channel only shows that channel, and no other."""

    labels = np.arange(120) % 4

    def features(self):
        features = np.random.default_rng(0).normal(size=(120, 10, 5)).astype(np.float32)
        features[:, :, 2] = self.labels[:, None] + 0.1 * features[:, :, 2]
        return features

    def test_shows_the_one_channel_that_a_model_uses(self, resampling):
        found = permutation(
            lambda features: np.clip(np.rint(features[:, :, 2].mean(1)), 0, 3).astype(int),
            self.features(), self.labels, resampling, {f"c{n}": slice(n, n + 1) for n in range(5)},
        )  # fmt: skip
        assert [name for name, row in found.items() if row["uar_lost"] != 0] == ["c2"]
        assert found["c2"]["uar_lost"] == pytest.approx(0.75, abs=0.1)  # a chance of one in four is what is left
        low, high = found["c2"]["interval"]
        assert 0.5 < low < found["c2"]["uar_lost"] < high
        assert found["c0"]["interval"] == (0, 0)

    def test_shows_a_group_where_its_channels_stand_in_for_each_other(self, resampling):
        features = self.features()
        features[:, :, 3] = features[:, :, 2]

        def predict(given):
            near = np.abs(given[:, :, 2:4].mean(1)[:, :, None] - np.arange(4)).min(axis=1)
            return near.argmin(axis=1)

        groups = {"both": slice(2, 4), "others": slice(0, 2)}
        found = permutation(predict, features, self.labels, resampling, groups)
        assert found["both"]["uar_lost"] > 0.5
        assert found["others"]["uar_lost"] == 0

    def test_changes_nothing_that_it_is_given(self, resampling):
        features = self.features()
        before = features.copy()
        permutation(lambda given: given[:, 0, 0].astype(int) % 4, features, self.labels, resampling, {"a": slice(0, 5)})
        np.testing.assert_array_equal(features, before)


def tone(hertz, seconds=1.0):
    return 0.1 * np.sin(2 * np.pi * hertz * np.arange(int(RATE * seconds)) / RATE).astype(np.float32)


def test_occlusion_shows_the_time_and_the_frequency_that_a_listener_hears():
    labels = np.arange(24) % 2
    audio = np.stack([tone(2500) + tone(600) for _ in labels])
    audio[labels == 1, 4800:5600] += tone(1000)[:800]  # what tells class 1: a beep from 0.6 to 0.7 s

    def listen(heard):
        beep = heard[:, 4800:5600] @ np.exp(2j * np.pi * 1000 * np.arange(800) / RATE)
        return (np.abs(beep) > 10).astype(int)

    found = occlusion(listen, audio, labels, Resampling.of([str(n % 4) for n in range(24)], 50), RATE)
    assert [name for name, row in found["time"].items() if row["uar_lost"] > 0] == ["0.6–0.7"]
    [band] = [name for name, row in found["frequency"].items() if row["uar_lost"] > 0]
    low, high = (float(edge) for edge in band.split("–"))
    assert low <= 1.0 <= high
    assert len(found["time"]) == len(found["frequency"]) == 10


def test_a_band_is_made_quieter_and_the_rest_is_left():
    both = (tone(500) + tone(2000))[None]
    left = quieter(both, 1500, 2500, RATE, 0.01)
    np.testing.assert_allclose(left[0], tone(500) + 0.01 * tone(2000), atol=1e-5)


class TestIntegratedGradients:
    """Of a score that hears one band, or one stretch of time, the cells say so."""

    def sound(self):
        return (0.1 * np.random.default_rng(0).normal(size=RATE)).astype(np.float32)

    def test_find_the_band_that_a_score_hears(self):
        def score(samples):  # the level between 1000 and 1200 Hz
            return jnp.log(jnp.sum(jnp.abs(jnp.fft.rfft(samples)[1000:1200]) ** 2))

        found = attributor(score, RATE)(self.sound())
        bands = found.cells.sum(axis=0)
        # mel bands of 4 kHz: 40 bands up to 40 mels on Slaney's scale, where 1 kHz is mel 15
        top = np.argsort(-bands)[:6]
        assert bands[top].sum() > 0.95 * bands.sum()
        assert np.ptp(top) == 5  # neighbours
        assert found.error < 0.01

    def test_find_the_time_that_a_score_hears(self):
        def score(samples):
            return jnp.log(jnp.sum(samples[2000:4000] ** 2))

        found = attributor(score, RATE)(self.sound())
        times = np.abs(found.cells).sum(axis=1)
        heard = np.arange(len(times)) * RATE / (len(times) - 1)
        assert times[(heard > 1700) & (heard < 4300)].sum() > 0.99 * times.sum()
        assert found.error < 0.01

    def test_add_up_to_the_change_of_the_score(self):
        def score(samples):
            return jnp.tanh(10 * jnp.sum(samples**2) / RATE) + jnp.log(jnp.sum(samples[:1000] ** 2))

        found = attributor(score, RATE)(self.sound())
        assert found.cells.sum() == pytest.approx(found.change, rel=0.05)
        assert found.change > 1


def test_a_run_tells_what_it_listens_to(launch, own_run):
    ran = launch("--mode=evaluate", f"--workdir={own_run.folder}", "--importance")
    assert ran.status == 0, ran.err
    for words in (
        "95 % interval",
        "macro F1",
        "ROC-AUC",
        "heard as",
        "weighted mean",
        "worst of 2 speakers",
        "results in ",
    ):
        assert words in ran.out
    assert "UAR lost where it is another clip's" in ran.out
    found = json.loads((own_run.folder / "evaluation/importance.json").read_text())
    assert list(found["groups"]) == ["mfcc"]
    assert list(found["channels"])[:2] == ["mfcc[0]", "mfcc[1]"]
    assert len(found["channels"]) == 13
    assert set(found["gradients"]) == set(own_run.experiment.data.emotions)
    assert max(row["error"] for row in found["gradients"].values()) < 0.05
    for name in ("importance-channels", "occlusion-time", "gradients-angry"):
        for suffix in ("svg", "png"):
            assert (own_run.folder / f"evaluation/plots/{name}.{suffix}").stat().st_size > 3000
    assert launch("--mode=report", f"--workdir={own_run.folder}").status == 0
    assert "Which sounds speak for an emotion" in own_run.report.read_text()
