"""The store: clips are decoded once, whoever asks and however often, and never served for other clips or settings."""

import threading

import numpy as np
import pytest
import soundfile

from aersut.data import store
from aersut.data.audio import decode, to_int16, trim
from aersut.data.store import Facts, fingerprints, open_store

RATE = 16_000


def clip(path, seed=0, seconds=0.1, sample_rate=RATE):
    """Write noise between two silences."""
    noise = 0.3 * np.random.default_rng(seed).uniform(-1, 1, round(seconds * sample_rate))
    soundfile.write(path, np.pad(noise, 4000), sample_rate)
    return path


@pytest.fixture
def clips(tmp_path):
    """Five different clips."""
    return [clip(tmp_path / f"{seed}.wav", seed, 0.1 + 0.01 * seed) for seed in range(5)]


def opened(paths, under, sample_rate=RATE, trim_db=40.0):
    return open_store(paths, fingerprints(paths), sample_rate, trim_db, under)


class TestItHolds:
    @pytest.mark.parametrize("trim_db", [None, 40.0])
    @pytest.mark.parametrize("sample_rate", [RATE, 22_050])
    def test_each_clip_decoded_resampled_and_trimmed_as_16_bit_samples(self, clips, tmp_path, sample_rate, trim_db):
        one = opened(clips, tmp_path / "stores", sample_rate, trim_db)
        assert len(one) == 5
        assert one.rows == [0, 1, 2, 3, 4]
        assert one.failures == {}
        for index, path in enumerate(clips):
            samples = decode(path, sample_rate)
            expected = to_int16(samples if trim_db is None else trim(samples, trim_db))
            assert one[index].dtype == np.int16
            np.testing.assert_array_equal(one[index], expected)

    def test_what_each_file_was_before(self, tmp_path):
        soundfile.write(tmp_path / "a.wav", np.tile([1.0, 0.5, 0.5, 0.5], 12_000), 48_000, subtype="PCM_16")
        one = opened([tmp_path / "a.wav"], tmp_path / "stores")
        assert one.facts == [Facts(seconds=1.0, sample_rate=48_000, clipped=0.25)]

    def test_the_good_clips_and_the_reason_for_each_bad_one(self, clips, tmp_path):
        clips[1].write_text("no sound")
        clips[3].write_bytes(clips[3].read_bytes()[:-100])
        one = opened(clips, tmp_path / "stores")
        assert one.rows == [0, 2, 4]
        assert one.failures == {
            1: "cannot be decoded: Format not recognised.",
            3: "is cut short: its header promises 100 bytes more",
        }
        np.testing.assert_array_equal(one[1], to_int16(trim(decode(clips[2], RATE), 40)))
        assert len(one.facts) == 3

    def test_nothing_where_no_clip_can_be_decoded_or_there_is_none(self, clips, tmp_path):
        for path in clips:
            path.write_text("no sound")
        one = opened(clips, tmp_path / "stores")
        assert (len(one), one.rows, len(one.failures)) == (0, [], 5)
        assert len(opened([], tmp_path / "stores")) == 0

    def test_the_same_recording_as_often_as_it_is_there(self, clips, tmp_path):
        clips[4].write_bytes(clips[0].read_bytes())
        one = opened(clips, tmp_path / "stores")
        np.testing.assert_array_equal(one[0], one[4])
        assert len(one) == 5

    def test_clips_in_their_order_over_several_shards(self, clips, tmp_path, monkeypatch):
        expected = [opened(clips, tmp_path / "one")[index] for index in range(5)]
        monkeypatch.setattr(store, "CLIPS_PER_SHARD", 2)
        several = opened(clips, tmp_path / "several")
        assert len(list((tmp_path / "several" / several.key).glob("*.array_record"))) == 3
        for index in range(5):
            np.testing.assert_array_equal(several[index], expected[index])

    @pytest.mark.parametrize("length", [1, 2, 10])
    def test_clips_of_a_few_samples(self, tmp_path, length):
        soundfile.write(tmp_path / "a.wav", np.full(length, 0.5), 48_000)
        one = opened([tmp_path / "a.wav"], tmp_path / "stores")
        assert len(one) == 1
        assert len(one[0]) <= length


class TestTheNextTime:
    def test_nothing_is_decoded_again(self, clips, tmp_path):
        contents = fingerprints(clips)
        first = open_store(clips, contents, RATE, 40.0, tmp_path / "stores")
        samples = [first[index] for index in range(5)]
        for path in clips:
            path.unlink()
        again = open_store(clips, contents, RATE, 40.0, tmp_path / "stores")
        assert again.key == first.key
        assert again.facts == first.facts
        for index in range(5):
            np.testing.assert_array_equal(again[index], samples[index])

    def test_clips_that_have_moved_are_found_in_the_same_store(self, clips, tmp_path):
        first = opened(clips, tmp_path / "stores")
        (tmp_path / "moved").mkdir()
        moved = [path.rename(tmp_path / "moved" / path.name) for path in clips]
        assert opened(moved, tmp_path / "stores").key == first.key

    @pytest.mark.parametrize("change", ["sample_rate", "trim_db", "content", "order", "fewer"])
    def test_other_clips_or_settings_have_another_store(self, clips, tmp_path, change):
        first = opened(clips, tmp_path / "stores")
        if change == "content":
            clip(clips[2], seed=99)
        paths = {"order": clips[::-1], "fewer": clips[:-1]}.get(change, clips)
        settings = {"sample_rate": {"sample_rate": 8000}, "trim_db": {"trim_db": None}}.get(change, {})
        other = opened(paths, tmp_path / "stores", **settings)
        assert other.key != first.key

    def test_a_clip_that_was_bad_and_has_been_mended_is_decoded(self, clips, tmp_path):
        good = clips[2].read_bytes()
        clips[2].write_bytes(good[:-100])
        assert opened(clips, tmp_path / "stores").rows == [0, 1, 3, 4]
        clips[2].write_bytes(good)
        assert opened(clips, tmp_path / "stores").rows == [0, 1, 2, 3, 4]


class TestInterrupted:
    def test_while_it_is_built_leaves_nothing_and_is_built_the_next_time(self, clips, tmp_path, monkeypatch):
        def interrupt(path):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(store, "read", interrupt)
            with pytest.raises(KeyboardInterrupt):
                opened(clips, tmp_path / "stores")
        assert list((tmp_path / "stores").iterdir()) == []
        assert len(opened(clips, tmp_path / "stores")) == 5

    def test_two_that_build_the_same_store_at_once_both_get_it(self, clips, tmp_path, monkeypatch):
        meet = threading.Barrier(2, timeout=20)

        def new_folder(path, original=store.new_folder):
            meet.wait()  # both have seen that there is none yet
            return original(path)

        monkeypatch.setattr(store, "new_folder", new_folder)
        got = []
        threads = [threading.Thread(target=lambda: got.append(opened(clips, tmp_path / "stores"))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == 2
        for index in range(5):
            np.testing.assert_array_equal(got[0][index], got[1][index])
        assert len(list((tmp_path / "stores").iterdir())) == 1


class TestFingerprints:
    def test_are_equal_for_byte_identical_files_only(self, clips, tmp_path):
        clips[1].write_bytes(clips[0].read_bytes())
        found = fingerprints(clips)
        assert found[0] == found[1]
        assert len(set(found)) == 4

    def test_of_a_file_that_is_gone_is_empty(self, clips, tmp_path):
        clips[1].unlink()
        assert [bool(one) for one in fingerprints(clips)] == [True, False, True, True, True]


def test_the_store_is_in_the_users_cache_unless_said_otherwise(clips, tmp_path, monkeypatch):
    monkeypatch.setenv("AERSUT_CACHE", str(tmp_path / "cache"))
    one = open_store(clips, fingerprints(clips), RATE, None)
    assert [path.name for path in (tmp_path / "cache" / "store").iterdir()] == [one.key]
