"""Training batches: every example once per epoch, deterministic, and resumed at a saved position."""

from collections import Counter

import numpy as np
import pytest
import soundfile

from aersut.config import Data
from aersut.contracts import Framing
from aersut.corpora import CremaD
from aersut.data.collection import collect
from aersut.data.feature_table import FeatureTable
from aersut.data.pipeline import AudioSource, FeatureSource, sampling_groups, training_batches

LABELS = np.array([0] * 20 + [1] * 3 + [2] * 2, np.int32)
RATE = 16_000


@pytest.fixture
def features(tmp_path):
    """A source of 25 examples whose features are their number: 10 clips of 3 versions, without the last 5."""
    values = np.arange(30, dtype=np.float32)[:, None, None] * np.ones((1, 4, 2), np.float32)
    np.save(tmp_path / "features.npy", values.reshape(10, 3, 4, 2))
    pairs = np.argwhere(np.ones((10, 3)))[:25]
    return FeatureSource(FeatureTable(tmp_path / "features.npy"), pairs, LABELS)


def examples(batch):
    """The numbers of a batch's examples."""
    return batch["features"][:, 0, 0].astype(int).tolist()


def epochs(batches, steps, count):
    """The examples of a number of epochs."""
    return [[n for _ in range(steps) for n in examples(next(batches))] for _ in range(count)]


class TestABatch:
    def test_has_the_features_and_labels_of_its_examples(self, features):
        batches = training_batches(features, 6, seed=0)
        for _ in range(12):
            batch = next(batches)
            assert batch["features"].shape == (6, 4, 2)
            assert batch["features"].dtype == np.float32
            assert batch["label"].tolist() == LABELS[examples(batch)].tolist()
            np.testing.assert_array_equal(batch["features"], batch["features"][:, :1, :1] * np.ones((1, 4, 2)))


class TestAnEpoch:
    def test_has_every_example_once_except_the_remainder_of_whole_batches(self, features):
        for epoch in epochs(training_batches(features, 5, seed=0), steps=5, count=3):
            assert sorted(epoch) == list(range(25))
        for epoch in epochs(training_batches(features, 6, seed=0), steps=4, count=3):
            assert len(set(epoch)) == 24

    def test_has_a_new_order(self, features):
        shown = epochs(training_batches(features, 5, seed=0), steps=5, count=4)
        assert len({tuple(epoch) for epoch in shown}) == 4
        assert list(range(25)) not in shown

    def test_drops_other_examples_than_the_previous_epoch(self, features):
        shown = epochs(training_batches(features, 6, seed=0), steps=4, count=8)
        assert len({frozenset(range(25)) - frozenset(epoch) for epoch in shown}) > 2

    def test_depends_only_on_the_seed(self, features):
        one, same, other = (epochs(training_batches(features, 5, seed), 5, 2) for seed in (3, 3, 4))
        assert one == same != other


class TestResuming:
    @pytest.mark.parametrize(("groups", "seen"), [(None, 0), (None, 1), (None, 7), (None, 13), (LABELS, 7)])
    def test_from_a_saved_position_continues_the_same_sequence(self, features, groups, seen):
        undisturbed = training_batches(features, 6, 0, groups)
        stopped = training_batches(features, 6, 0, groups)
        for _ in range(seen):
            next(undisturbed), next(stopped)
        state = stopped.get_state()
        next(stopped)
        resumed = training_batches(features, 6, 0, groups)
        resumed.set_state(state)
        assert epochs(resumed, 1, 6) == epochs(undisturbed, 1, 6)


class TestGroups:
    def test_are_drawn_equally_often_with_every_example(self, features):
        batches = training_batches(features, 6, 0, groups=LABELS)
        shown = [n for epoch in epochs(batches, steps=4, count=10) for n in epoch]
        assert Counter(LABELS[shown].tolist()) == {0: 80, 1: 80, 2: 80}
        times = Counter(shown)
        assert {times[n] for n in range(20)} == {4}
        assert {times[n] for n in range(20, 23)} <= {26, 27}
        assert {times[n] for n in (23, 24)} == {40}

    def test_are_classes_or_corpora(self):
        labels, corpora = np.array([2, 0, 2]), ["ravdess", "ravdess", "cremad"]
        assert sampling_groups("shuffle", labels, corpora) is None
        assert sampling_groups("balanced", labels, corpora).tolist() == [2, 0, 2]
        assert sampling_groups("corpora", labels, corpora).tolist() == [1, 1, 0]


class TestShards:
    @pytest.mark.parametrize(("size", "batch_size", "count"), [(25, 6, 2), (25, 6, 3), (23, 8, 2)])
    def test_are_disjoint_and_together_equal_the_batch_of_one_process(self, features, size, batch_size, count):
        source = FeatureSource(features.table, features.examples[:size], LABELS[:size])
        whole = training_batches(source, batch_size, seed=0)
        shards = [training_batches(source, batch_size, seed=0, shard=(index, count)) for index in range(count)]
        for _ in range(12):
            slices = [examples(next(shard)) for shard in shards]
            assert {len(one) for one in slices} == {batch_size // count}
            assert [n for one in slices for n in one] == examples(next(whole))


class TestAudio:
    @pytest.fixture
    def audio(self, tmp_path):
        """A source of the windows of six clips, 400 of their 1,600 samples."""
        folder = tmp_path / "cremad" / "AudioWAV"
        folder.mkdir(parents=True)
        for number, code in enumerate(("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")):
            noise = 0.3 * np.random.default_rng(number).uniform(-1, 1, 1600)
            soundfile.write(folder / f"1001_DFA_{code}_XX.wav", noise, RATE)

        def make(fit):
            data = Data(corpora=(CremaD(),), root=str(tmp_path), fit=fit)
            framing = Framing(sample_rate=RATE, seconds=0.025, frame_length=128, hop_length=128)
            clips = collect(data, framing)
            pairs = np.stack([np.arange(6), np.zeros(6, int)], axis=1)
            return AudioSource(clips, pairs, np.array(clips.labels, np.int32)), clips

        return make

    def test_comes_as_windows_of_16_bit_samples_with_their_labels(self, audio):
        source, clips = audio("start")
        windows = {clips.window(n).tobytes(): label for n, label in enumerate(clips.labels)}
        batches = training_batches(source, 3, seed=0)
        for _ in range(2):
            batch = next(batches)
            assert batch["audio"].shape == (3, 400)
            assert batch["audio"].dtype == np.int16
            for window, label in zip(batch["audio"], batch["label"], strict=True):
                assert windows.pop(window.tobytes()) == label
        assert windows == {}

    def test_is_cropped_equally_for_any_number_of_processes(self, audio):
        source, _ = audio("random")
        whole = next(training_batches(source, 6, 0))["audio"]
        slices = [next(training_batches(source, 6, 0, shard=(index, 2)))["audio"] for index in range(2)]
        np.testing.assert_array_equal(np.concatenate(slices), whole)

    def test_is_cropped_differently_in_each_epoch_and_equally_in_a_second_run(self, audio):
        source, _ = audio("random")

        def run(seed):
            batches = training_batches(source, 6, seed)
            found = []
            for _ in range(4):
                batch = next(batches)
                order = np.argsort(batch["label"])
                found.append(batch["audio"][order].tobytes())
            return found

        one = run(3)
        assert len(set(one)) == 4
        assert run(3) == one
        assert not set(run(4)) & set(one)
