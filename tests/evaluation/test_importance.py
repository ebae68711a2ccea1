"""Feature importance of classifiers whose relevant features are known."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from aersut.evaluation.integrated_gradients import integrated_gradients
from aersut.evaluation.intervals import Resampling
from aersut.evaluation.occlusion import attenuate_band, occlusion
from aersut.evaluation.permutation import permutation_importance

RATE = 8000


@pytest.fixture
def resampling():
    return Resampling.of([str(n % 6) for n in range(120)], 200)


class TestPermutation:
    """The channel that a classifier uses has a UAR drop, and no other."""

    labels = np.arange(120) % 4

    def features(self):
        features = np.random.default_rng(0).normal(size=(120, 10, 5)).astype(np.float32)
        features[:, :, 2] = self.labels[:, None] + 0.1 * features[:, :, 2]
        return features

    def test_finds_the_channel_that_a_classifier_uses(self, resampling):
        found = permutation_importance(
            lambda features: np.clip(np.rint(features[:, :, 2].mean(1)), 0, 3).astype(int),
            self.features(), self.labels, resampling, {f"c{n}": slice(n, n + 1) for n in range(5)},
        )  # fmt: skip
        assert [name for name, row in found.items() if row["uar_drop"] != 0] == ["c2"]
        assert found["c2"]["uar_drop"] == pytest.approx(0.75, abs=0.1)  # down to the chance level of one in four
        low, high = found["c2"]["interval"]
        assert 0.5 < low < found["c2"]["uar_drop"] < high
        assert found["c0"]["interval"] == (0, 0)

    def test_finds_a_group_of_redundant_channels(self, resampling):
        features = self.features()
        features[:, :, 3] = features[:, :, 2]

        def predict(given):
            near = np.abs(given[:, :, 2:4].mean(1)[:, :, None] - np.arange(4)).min(axis=1)
            return near.argmin(axis=1)

        groups = {"both": slice(2, 4), "others": slice(0, 2)}
        found = permutation_importance(predict, features, self.labels, resampling, groups)
        assert found["both"]["uar_drop"] > 0.5
        assert found["others"]["uar_drop"] == 0

    def test_does_not_change_its_input(self, resampling):
        features = self.features()
        before = features.copy()
        permutation_importance(
            lambda given: given[:, 0, 0].astype(int) % 4, features, self.labels, resampling, {"a": slice(0, 5)}
        )
        np.testing.assert_array_equal(features, before)


def tone(hertz, seconds=1.0):
    return 0.1 * np.sin(2 * np.pi * hertz * np.arange(int(RATE * seconds)) / RATE).astype(np.float32)


def test_occlusion_finds_the_time_and_the_frequency_that_a_classifier_uses():
    labels = np.arange(24) % 2
    audio = np.stack([tone(2500) + tone(600) for _ in labels])
    audio[labels == 1, 4800:5600] += tone(1000)[:800]  # class 1 has a beep from 0.6 to 0.7 s

    def predict(given):
        beep = given[:, 4800:5600] @ np.exp(2j * np.pi * 1000 * np.arange(800) / RATE)
        return (np.abs(beep) > 10).astype(int)

    found = occlusion(predict, audio, labels, Resampling.of([str(n % 4) for n in range(24)], 50), RATE)
    assert [name for name, row in found["time"].items() if row["uar_drop"] > 0] == ["0.6–0.7"]
    [band] = [name for name, row in found["frequency"].items() if row["uar_drop"] > 0]
    low, high = (float(edge) for edge in band.split("–"))
    assert low <= 1.0 <= high
    assert len(found["time"]) == len(found["frequency"]) == 10


def test_a_band_is_attenuated_and_the_rest_is_unchanged():
    both = (tone(500) + tone(2000))[None]
    attenuated = attenuate_band(both, 1500, 2500, RATE, 0.01)
    np.testing.assert_allclose(attenuated[0], tone(500) + 0.01 * tone(2000), atol=1e-5)


class TestIntegratedGradients:
    """The attributions are in the band, or the segment of time, that a score depends on."""

    def noise(self):
        return (0.1 * np.random.default_rng(0).normal(size=RATE)).astype(np.float32)

    def test_find_the_band_of_a_score(self):
        def score(samples):  # the level between 1000 and 1200 Hz
            return jnp.log(jnp.sum(jnp.abs(jnp.fft.rfft(samples)[1000:1200]) ** 2))

        found = integrated_gradients(score, RATE)(self.noise())
        bands = found.cells.sum(axis=0)
        # mel bands of 4 kHz: 40 bands up to 40 mels on Slaney's scale, where 1 kHz is mel 15
        top = np.argsort(-bands)[:6]
        assert bands[top].sum() > 0.95 * bands.sum()
        assert np.ptp(top) == 5  # adjacent
        assert found.error < 0.01

    def test_find_the_segment_of_time_of_a_score(self):
        def score(samples):
            return jnp.log(jnp.sum(samples[2000:4000] ** 2))

        found = integrated_gradients(score, RATE)(self.noise())
        times = np.abs(found.cells).sum(axis=1)
        sample = np.arange(len(times)) * RATE / (len(times) - 1)
        assert times[(sample > 1700) & (sample < 4300)].sum() > 0.99 * times.sum()
        assert found.error < 0.01

    def test_add_up_to_the_change_of_the_score(self):
        def score(samples):
            return jnp.tanh(10 * jnp.sum(samples**2) / RATE) + jnp.log(jnp.sum(samples[:1000] ** 2))

        found = integrated_gradients(score, RATE)(self.noise())
        assert found.cells.sum() == pytest.approx(found.change, rel=0.05)
        assert found.change > 1


@pytest.mark.plots
def test_a_run_has_feature_importance(launch, own_run):
    ran = launch("--mode=evaluate", f"--workdir={own_run.folder}", "--importance")
    assert ran.status == 0, ran.err
    for words in (
        "95 % interval",
        "macro F1",
        "ROC-AUC",
        "true / predicted",
        "weighted mean",
        "results by group",
        "results in ",
    ):
        assert words in ran.out
    assert "permutation importance" in ran.out
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
    assert "Integrated gradients" in own_run.report.read_text()
