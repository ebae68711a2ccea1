"""The store: clips are decoded once, whoever asks and however often, and never served for other clips or settings."""

import itertools
import os
import resource
import shutil
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import xxhash

from aersut.data import store
from aersut.data.audio import ClipError, decode, to_int16
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
        monkeypatch.setattr(store, "CLIPS_PER_SHARD", (2, 2))
        several = opened(clips, tmp_path / "several")
        assert len(list((tmp_path / "several").glob(f"*/{several.key}/*.array_record"))) == 3
        for index in range(5):
            np.testing.assert_array_equal(several[index], expected[index])

    def test_clips_in_their_order_over_more_than_ten_shards(self, tmp_path, monkeypatch):
        monkeypatch.setattr(store, "CLIPS_PER_SHARD", (1, 1))
        clips = [clip(tmp_path / f"{seed:02}.wav", seed) for seed in range(12)]
        one = opened(clips, tmp_path / "stores")
        for index, path in enumerate(clips):
            np.testing.assert_array_equal(one[index], to_int16(decode(path, RATE, 40)))

    def test_shards_without_a_clip_stand_in_nobodys_way(self, clips, tmp_path, monkeypatch):
        monkeypatch.setattr(store, "CLIPS_PER_SHARD", (2, 2))
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


@pytest.fixture
def settled(monkeypatch):
    """Files count as old, though the test has just written them."""
    monkeypatch.setattr(store, "SETTLED", -(10**12))


@pytest.fixture
def files_read(monkeypatch):
    """The names of the files that have been read, in any order."""
    names = []

    def file_bytes(path, original=store.file_bytes):
        names.append(path.name)
        return original(path)

    monkeypatch.setattr(store, "file_bytes", file_bytes)
    return names


class TestTheNextTime:
    def test_no_file_is_read_again(self, clips, tmp_path, settled, files_read):
        clips[3].write_text("no sound")
        clips[4].unlink()
        first = opened(clips, tmp_path / "stores")
        assert sorted(files_read) == [path.name for path in clips]
        files_read.clear()
        again = opened(clips, tmp_path / "stores")
        assert files_read == []
        assert (again.key, again.rows, again.contents) == (first.key, first.rows, first.contents)
        assert (again.facts, again.failures) == (first.facts, first.failures)
        for index in range(3):
            np.testing.assert_array_equal(again[index], first[index])

    def test_files_that_have_just_been_written_are_hashed_again(self, clips, tmp_path, files_read):
        """For the next change could come at the same time, as far as the file system counts."""
        clips[4].unlink()
        first = opened(clips, tmp_path / "stores")
        files_read.clear()
        assert opened(clips, tmp_path / "stores").key == first.key
        assert sorted(files_read) == [path.name for path in clips]

    def test_a_time_in_the_future_is_as_good_as_any(self, clips, tmp_path, monkeypatch, files_read):
        monkeypatch.setattr(store, "SETTLED", 0)
        os.utime(clips[2], (4e9, 4e9))
        opened(clips, tmp_path / "stores")
        files_read.clear()
        opened(clips, tmp_path / "stores")
        assert files_read == []

    def test_a_file_is_tried_again_that_could_not_be_read(self, clips, tmp_path, settled, monkeypatch):
        def file_bytes(path, original=store.file_bytes):
            if path == clips[2]:
                raise ClipError("cannot be read: Input/output error")
            return original(path)

        with monkeypatch.context() as patch:
            patch.setattr(store, "file_bytes", file_bytes)
            assert opened(clips, tmp_path / "stores").failures == {2: "cannot be read: Input/output error"}
        assert opened(clips, tmp_path / "stores").failures == {}

    def test_a_change_is_seen_that_leaves_size_and_time_of_writing_as_they_were(self, clips, tmp_path, settled):
        first = opened(clips, tmp_path / "stores")
        before = clips[2].stat()
        content = bytearray(clips[2].read_bytes())
        content[10_000] ^= 1
        clips[2].write_bytes(bytes(content))
        os.utime(clips[2], ns=(before.st_atime_ns, before.st_mtime_ns))
        after = clips[2].stat()
        assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
        second = opened(clips, tmp_path / "stores")
        assert second.contents[2] != first.contents[2]
        assert second.contents[3] == first.contents[3]

    def test_a_store_that_somebody_has_removed_is_built_again(self, clips, tmp_path, settled):
        first = opened(clips, tmp_path / "stores")
        shutil.rmtree(next((tmp_path / "stores").glob(f"*/{first.key}")))
        np.testing.assert_array_equal(opened(clips, tmp_path / "stores")[4], to_int16(decode(clips[4], RATE, 40)))

    @pytest.mark.parametrize("lost", ["index.json", "00000002.array_record"])
    def test_a_store_of_which_somebody_has_removed_a_part_is_refused(self, clips, tmp_path, settled, monkeypatch, lost):
        monkeypatch.setattr(store, "CLIPS_PER_SHARD", (2, 2))
        key = opened(clips, tmp_path / "stores").key
        folder = next((tmp_path / "stores").glob(f"*/{key}"))
        (folder / lost).unlink()
        with pytest.raises(UserError, match=rf"{folder.name} is not whole any more\. Remove it, and"):
            opened(clips, tmp_path / "stores")
        shutil.rmtree(folder)
        assert len(opened(clips, tmp_path / "stores")) == 5

    def test_a_relative_name_stands_for_another_file_in_another_folder(self, tmp_path, settled, monkeypatch):
        class Coarse(type(Path())):
            """On a file system that numbers no files and counts in years."""

            def stat(self):
                return SimpleNamespace(st_size=super().stat().st_size, st_ino=0, st_mtime_ns=0, st_ctime_ns=0)

        keys = set()
        for seed, folder in enumerate((tmp_path / "one", tmp_path / "other")):
            folder.mkdir()
            clip(folder / "a.wav", seed)
            monkeypatch.chdir(folder)
            keys.add(opened([Coarse("a.wav")], tmp_path / "stores").key)
        assert len(keys) == 2

    def test_clips_that_have_moved_are_found_in_the_same_store(self, clips, tmp_path, settled):
        first = opened(clips, tmp_path / "stores")
        (tmp_path / "moved").mkdir()
        moved = [path.rename(tmp_path / "moved" / path.name) for path in clips]
        assert opened(moved, tmp_path / "stores").key == first.key

    @pytest.mark.parametrize("change", ["sample_rate", "trim_db", "content", "order", "fewer"])
    def test_other_clips_or_settings_have_another_store(self, clips, tmp_path, settled, change):
        first = opened(clips, tmp_path / "stores")
        if change == "content":
            clip(clips[2], seed=99)
        paths = {"order": clips[::-1], "fewer": clips[:-1]}.get(change, clips)
        settings = {"sample_rate": {"sample_rate": 8000}, "trim_db": {"trim_db": None}}.get(change, {})
        other = opened(paths, tmp_path / "stores", **settings)
        assert other.key != first.key

    def test_a_clip_that_was_bad_and_has_been_mended_is_decoded(self, clips, tmp_path, settled):
        good = clips[2].read_bytes()
        clips[2].write_bytes(good[:-100])
        assert opened(clips, tmp_path / "stores").rows == [0, 1, 3, 4]
        clips[2].write_bytes(good)
        assert opened(clips, tmp_path / "stores").rows == [0, 1, 2, 3, 4]


class TestInterrupted:
    def test_while_it_is_built_leaves_nothing_and_is_built_the_next_time(self, clips, tmp_path, monkeypatch):
        def interrupt(content):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(store, "parse", interrupt)
            with pytest.raises(KeyboardInterrupt):
                opened(clips, tmp_path / "stores")
        assert list((tmp_path / "stores").glob("*/*")) == []
        assert len(opened(clips, tmp_path / "stores")) == 5

    def test_does_not_read_on(self, clips, tmp_path, monkeypatch):
        monkeypatch.setattr(store, "CLIPS_PER_SHARD", (20, 20))
        seen = []

        def file_bytes(path):
            seen.append(path)
            if len(seen) == 1:
                raise KeyboardInterrupt
            time.sleep(0.1)
            raise ClipError("cannot be read: it is slow")

        monkeypatch.setattr(store, "file_bytes", file_bytes)
        with pytest.raises(KeyboardInterrupt):
            opened(clips * 20, tmp_path / "stores")
        assert len(seen) < 20

    def test_by_a_full_disk_leaves_nothing_and_says_so(self, clips, tmp_path):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        try:
            with pytest.raises(UserError, match="The store cannot be written: .*File too large"):
                opened(clips, tmp_path / "stores")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert list((tmp_path / "stores").glob("*/*")) == []

    def test_two_that_build_the_same_store_at_once_both_get_it(self, clips, tmp_path, monkeypatch):
        meet = threading.Barrier(2, timeout=20)

        def folder_aside(*where, original=store.folder_aside):
            meet.wait()  # both have seen that there is none yet
            return original(*where)

        monkeypatch.setattr(store, "folder_aside", folder_aside)
        got = []
        threads = [threading.Thread(target=lambda: got.append(opened(clips, tmp_path / "stores"))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == 2
        for index in range(5):
            np.testing.assert_array_equal(got[0][index], got[1][index])
        assert len(list((tmp_path / "stores").glob("*/*"))) == 1


class TestAFileThatChanges:
    """While the others are read."""

    @pytest.fixture
    def meanwhile(self, monkeypatch):
        """Let something happen, once, just before or after a file is read to be hashed (1) or decoded (2)."""

        def arrange(path, happening, after=False, reading=1):
            readings = itertools.count(1)

            def file_bytes(asked, original=store.file_bytes):
                ours = asked == path and next(readings) == reading
                if ours and not after:
                    happening()
                content = original(asked)
                if ours and after:
                    happening()
                return content

            monkeypatch.setattr(store, "file_bytes", file_bytes)

        return arrange

    def test_by_vanishing_is_left_out_under_a_key_of_its_own(self, clips, tmp_path, settled, meanwhile):
        good = clips[2].read_bytes()
        meanwhile(clips[2], clips[2].unlink)
        one = opened(clips, tmp_path / "stores")
        assert one.failures == {2: "cannot be read: No such file or directory"}
        clips[2].write_bytes(good)  # it is back, and nobody remembers that it had gone
        assert opened(clips, tmp_path / "stores").failures == {}

    def test_by_coming_into_being_is_not_remembered_when_it_is_gone_again(self, clips, tmp_path, settled, meanwhile):
        content = clips[2].read_bytes()
        clips[2].unlink()
        meanwhile(clips[2], lambda: clips[2].write_bytes(content))
        assert opened(clips, tmp_path / "stores").failures == {}
        clips[2].unlink()
        assert opened(clips, tmp_path / "stores").failures == {2: "cannot be read: No such file or directory"}

    def test_from_one_that_is_gone_to_one_that_cannot_be_read_is_told(self, clips, tmp_path, settled):
        clips[2].unlink()
        opened(clips, tmp_path / "stores")
        clips[2].mkdir()
        assert opened(clips, tmp_path / "stores").failures == {2: "cannot be read: Is a directory"}

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("reading", [1, 2])
    def test_is_stored_under_the_hash_of_what_was_decoded_and_read_anew_next_time(
        self, clips, tmp_path, settled, meanwhile, reading, after
    ):
        if reading == 2:
            opened(clips[::-1], tmp_path / "stores")  # as many clips, so that files are hashed before
        contents = [clips[2].read_bytes()]
        clip(clips[2], seed=99)
        contents.append(clips[2].read_bytes())
        clips[2].write_bytes(contents[0])
        meanwhile(clips[2], lambda: clips[2].write_bytes(contents[1]), after, reading)
        hashes = [xxhash.xxh3_128_hexdigest(content) for content in contents]
        first, second = (opened(clips, tmp_path / "stores") for _ in range(2))
        assert first.contents[2] == hashes[0 if after else 1]
        assert second.contents[2] == hashes[1]
        np.testing.assert_array_equal(second[2], to_int16(decode(clips[2], RATE, 40)))
        assert np.array_equal(first[2], second[2]) == (not after)
        clips[2].write_bytes(contents[0])
        assert opened(clips, tmp_path / "stores").contents[2] == hashes[0]


def test_the_store_is_in_the_users_cache_unless_said_otherwise(clips, tmp_path, monkeypatch):
    monkeypatch.setenv("AERSUT_CACHE", str(tmp_path / "cache"))
    one = open_store(clips, RATE, None)
    assert [path.name for path in (tmp_path / "cache" / "store").glob("*/*")] == [one.key]
