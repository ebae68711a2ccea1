"""The store: clips are decoded once, whoever asks and however often, and never served for other clips or settings."""

import threading

import numpy as np
import pytest
import soundfile

from aersut.data import store
from aersut.data.audio import decode, to_int16
from aersut.data.store import Facts, open_store
from aersut.errors import UserError

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
    return open_store(paths, sample_rate, trim_db, under)


class TestItHolds:
    @pytest.mark.parametrize("trim_db", [None, 40.0])
    @pytest.mark.parametrize("sample_rate", [RATE, 22_050])
    def test_each_clip_decoded_resampled_and_trimmed_as_16_bit_samples(self, clips, tmp_path, sample_rate, trim_db):
        one = opened(clips, tmp_path / "stores", sample_rate, trim_db)
        assert len(one) == 5
        assert one.rows == [0, 1, 2, 3, 4]
        assert one.failures == {}
        for index, path in enumerate(clips):
            assert one[index].dtype == np.int16
            np.testing.assert_array_equal(one[index], to_int16(decode(path, sample_rate, trim_db)))

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
        np.testing.assert_array_equal(one[1], to_int16(decode(clips[2], RATE, 40)))
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

    def test_shards_without_a_clip_stand_in_nobodys_way(self, clips, tmp_path, monkeypatch):
        monkeypatch.setattr(store, "CLIPS_PER_SHARD", 2)
        for path in clips[2:4]:
            path.write_text("no sound")
        one = opened(clips, tmp_path / "stores")
        assert one.rows == [0, 1, 4]
        np.testing.assert_array_equal(one[2], to_int16(decode(clips[4], RATE, 40)))

    @pytest.mark.parametrize("length", [1, 2, 10])
    def test_clips_of_a_few_samples_or_the_reason_why_not(self, tmp_path, length):
        soundfile.write(tmp_path / "a.wav", np.full(length, 0.5), 48_000)
        one = opened([tmp_path / "a.wav"], tmp_path / "stores")
        if length == 1:
            assert one.failures == {0: "is too short: 1 samples, of which none is left at 16000 Hz"}
        else:
            assert 1 <= len(one[0]) <= length

    def test_a_hash_of_each_clip_that_is_equal_for_byte_identical_files_only(self, clips, tmp_path):
        clips[1].write_bytes(clips[0].read_bytes())
        found = opened(clips, tmp_path / "stores").contents
        assert found[0] == found[1]
        assert len(set(found)) == 4


class TestTheNextTime:
    def test_nothing_is_decoded_again(self, clips, tmp_path, monkeypatch):
        first = opened(clips, tmp_path / "stores")
        samples = [first[index] for index in range(5)]
        monkeypatch.setattr(store, "read", None)
        again = opened(clips, tmp_path / "stores")
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


class TestAFileThatChanges:
    """Between the hash that names the store and the decoding of what goes into it."""

    @pytest.fixture
    def meanwhile(self, monkeypatch):
        """Let something happen, so many times, just before a file is decoded."""

        def arrange(path, happening, times=1):
            left = iter(range(times))

            def read(asked, original=store.read):
                if asked == path and next(left, None) is not None:
                    happening()
                return original(asked)

            monkeypatch.setattr(store, "read", read)

        return arrange

    def test_by_vanishing_is_left_out_under_a_key_of_its_own(self, clips, tmp_path, meanwhile):
        good = clips[2].read_bytes()
        meanwhile(clips[2], clips[2].unlink)
        one = opened(clips, tmp_path / "stores")
        assert one.failures == {2: "cannot be read: No such file or directory"}
        clips[2].write_bytes(good)  # it is back, and nobody remembers that it had gone
        assert opened(clips, tmp_path / "stores").failures == {}

    def test_once_is_read_again(self, clips, tmp_path, meanwhile):
        good = clips[2].read_bytes()
        clips[2].write_bytes(good[:-100])  # half copied, at first
        meanwhile(clips[2], lambda: clips[2].write_bytes(good[:-50]))
        one = opened(clips, tmp_path / "stores")
        assert one.failures == {2: "is cut short: its header promises 50 bytes more"}

    def test_again_and_again_is_named(self, clips, tmp_path, meanwhile):
        sizes = iter(range(50, 100))
        good = clips[2].read_bytes()
        meanwhile(clips[2], lambda: clips[2].write_bytes(good[: -next(sizes)]), times=50)
        with pytest.raises(UserError, match=r"2\.wav changes while it is read\. Wait until"):
            opened(clips, tmp_path / "stores")
        assert list((tmp_path / "stores").iterdir()) == []


def test_the_store_is_in_the_users_cache_unless_said_otherwise(clips, tmp_path, monkeypatch):
    monkeypatch.setenv("AERSUT_CACHE", str(tmp_path / "cache"))
    one = open_store(clips, RATE, None)
    assert [path.name for path in (tmp_path / "cache" / "store").iterdir()] == [one.key]
