"""The audio store: clips are decoded once, and a store is never used for other clips or settings."""

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
from aersut.data.store import AudioInfo, open_audio_store
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
    return open_audio_store(paths, sample_rate, trim_db, under)


class TestContent:
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

    def test_properties_of_each_file_before_decoding(self, tmp_path):
        soundfile.write(tmp_path / "a.wav", np.tile([1.0, 0.5, 0.5, 0.5], 12_000), 48_000, subtype="PCM_16")
        one = opened([tmp_path / "a.wav"], tmp_path / "stores")
        assert one.infos == [AudioInfo(seconds=1.0, sample_rate=48_000, clipped=0.25)]

    def test_the_decoded_clips_and_the_reason_for_each_other_file(self, clips, tmp_path):
        clips[1].write_text("not audio")
        clips[3].write_bytes(clips[3].read_bytes()[:-100])
        one = opened(clips, tmp_path / "stores")
        assert one.rows == [0, 2, 4]
        assert one.failures == {
            1: "cannot be decoded: Format not recognised",
            3: "is truncated: its header announces 100 more bytes",
        }
        np.testing.assert_array_equal(one[1], to_int16(decode(clips[2], RATE, 40)))
        assert len(one.infos) == 3

    def test_empty_if_no_clip_can_be_decoded_or_none_exists(self, clips, tmp_path):
        for path in clips:
            path.write_text("not audio")
        one = opened(clips, tmp_path / "stores")
        assert (len(one), one.rows, len(one.failures)) == (0, [], 5)
        assert len(opened([], tmp_path / "stores")) == 0

    def test_byte_identical_files_are_separate_clips(self, clips, tmp_path):
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

    def test_shards_without_a_clip_are_supported(self, clips, tmp_path, monkeypatch):
        monkeypatch.setattr(store, "CLIPS_PER_SHARD", (2, 2))
        for path in clips[2:4]:
            path.write_text("not audio")
        one = opened(clips, tmp_path / "stores")
        assert one.rows == [0, 1, 4]
        np.testing.assert_array_equal(one[2], to_int16(decode(clips[4], RATE, 40)))

    @pytest.mark.parametrize("length", [1, 2, 10])
    def test_clips_of_a_few_samples_or_the_reason_for_their_failure(self, tmp_path, length):
        soundfile.write(tmp_path / "a.wav", np.full(length, 0.5), 48_000)
        one = opened([tmp_path / "a.wav"], tmp_path / "stores")
        if length == 1:
            assert one.failures == {0: "is too short: 1 samples, of which none remains at 16000 Hz"}
        else:
            assert 1 <= len(one[0]) <= length

    def test_a_hash_of_each_clip_that_is_equal_for_byte_identical_files_only(self, clips, tmp_path):
        clips[1].write_bytes(clips[0].read_bytes())
        found = opened(clips, tmp_path / "stores").contents
        assert found[0] == found[1]
        assert len(set(found)) == 4


@pytest.fixture
def settled(monkeypatch):
    """Treat files as old, although the test has just written them."""
    monkeypatch.setattr(store, "SETTLED", -(10**12))


@pytest.fixture
def files_read(monkeypatch):
    """The names of the files that are read, in any order."""
    names = []

    def file_bytes(path, original=store.file_bytes):
        names.append(path.name)
        return original(path)

    monkeypatch.setattr(store, "file_bytes", file_bytes)
    return names


class TestReopening:
    def test_no_file_is_read_again(self, clips, tmp_path, settled, files_read):
        clips[3].write_text("not audio")
        clips[4].unlink()
        first = opened(clips, tmp_path / "stores")
        assert sorted(files_read) == [path.name for path in clips]
        files_read.clear()
        again = opened(clips, tmp_path / "stores")
        assert files_read == []
        assert (again.key, again.rows, again.contents) == (first.key, first.rows, first.contents)
        assert (again.infos, again.failures) == (first.infos, first.failures)
        for index in range(3):
            np.testing.assert_array_equal(again[index], first[index])

    def test_files_that_have_just_been_written_are_hashed_again(self, clips, tmp_path, files_read):
        """A further change could have the same file time, at the resolution of the file system."""
        clips[4].unlink()
        first = opened(clips, tmp_path / "stores")
        files_read.clear()
        assert opened(clips, tmp_path / "stores").key == first.key
        assert sorted(files_read) == [path.name for path in clips]

    def test_a_file_time_in_the_future_is_accepted(self, clips, tmp_path, monkeypatch, files_read):
        monkeypatch.setattr(store, "SETTLED", 0)
        os.utime(clips[2], (4e9, 4e9))
        opened(clips, tmp_path / "stores")
        files_read.clear()
        opened(clips, tmp_path / "stores")
        assert files_read == []

    def test_an_unreadable_file_is_read_again(self, clips, tmp_path, settled, monkeypatch):
        def file_bytes(path, original=store.file_bytes):
            if path == clips[2]:
                raise ClipError("cannot be read: Input/output error")
            return original(path)

        with monkeypatch.context() as patch:
            patch.setattr(store, "file_bytes", file_bytes)
            assert opened(clips, tmp_path / "stores").failures == {2: "cannot be read: Input/output error"}
        assert opened(clips, tmp_path / "stores").failures == {}

    def test_a_change_with_equal_size_and_mtime_is_detected(self, clips, tmp_path, settled):
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

    def test_a_deleted_store_is_built_again(self, clips, tmp_path, settled):
        first = opened(clips, tmp_path / "stores")
        shutil.rmtree(next((tmp_path / "stores").glob(f"*/{first.key}")))
        np.testing.assert_array_equal(opened(clips, tmp_path / "stores")[4], to_int16(decode(clips[4], RATE, 40)))

    @pytest.mark.parametrize("lost", ["index.json", "00000002.array_record"])
    def test_a_store_with_missing_files_is_refused(self, clips, tmp_path, settled, monkeypatch, lost):
        monkeypatch.setattr(store, "CLIPS_PER_SHARD", (2, 2))
        key = opened(clips, tmp_path / "stores").key
        folder = next((tmp_path / "stores").glob(f"*/{key}"))
        (folder / lost).unlink()
        with pytest.raises(
            UserError, match=rf"{folder.name}: files of this audio store are missing\. Delete the folder"
        ):
            opened(clips, tmp_path / "stores")
        shutil.rmtree(folder)
        assert len(opened(clips, tmp_path / "stores")) == 5

    def test_a_relative_path_in_another_folder_is_another_file(self, tmp_path, settled, monkeypatch):
        class Coarse(type(Path())):
            """A file system without inode numbers, whose times have a resolution of years."""

            def stat(self):
                return SimpleNamespace(st_size=super().stat().st_size, st_ino=0, st_mtime_ns=0, st_ctime_ns=0)

        keys = set()
        for seed, folder in enumerate((tmp_path / "one", tmp_path / "other")):
            folder.mkdir()
            clip(folder / "a.wav", seed)
            monkeypatch.chdir(folder)
            keys.add(opened([Coarse("a.wav")], tmp_path / "stores").key)
        assert len(keys) == 2

    def test_moved_clips_have_the_same_store(self, clips, tmp_path, settled):
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

    def test_a_clip_that_is_fixed_is_decoded(self, clips, tmp_path, settled):
        good = clips[2].read_bytes()
        clips[2].write_bytes(good[:-100])
        assert opened(clips, tmp_path / "stores").rows == [0, 1, 3, 4]
        clips[2].write_bytes(good)
        assert opened(clips, tmp_path / "stores").rows == [0, 1, 2, 3, 4]


class TestInterrupted:
    def test_build_leaves_no_files_and_is_repeated_by_the_next_call(self, clips, tmp_path, monkeypatch):
        def interrupt(content):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(store, "parse_recording", interrupt)
            with pytest.raises(KeyboardInterrupt):
                opened(clips, tmp_path / "stores")
        assert list((tmp_path / "stores").glob("*/*")) == []
        assert len(opened(clips, tmp_path / "stores")) == 5

    def test_build_stops_reading(self, clips, tmp_path, monkeypatch):
        monkeypatch.setattr(store, "CLIPS_PER_SHARD", (20, 20))
        monkeypatch.setattr(store, "core_count", lambda: 1)  # of two threads, the second might read first
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

    def test_by_a_full_disk_leaves_no_files_and_raises_an_error(self, clips, tmp_path):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        try:
            with pytest.raises(UserError, match="the audio store cannot be written to .*File too large"):
                opened(clips, tmp_path / "stores")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert list((tmp_path / "stores").glob("*/*")) == []

    def test_two_processes_can_build_the_same_store_at_once(self, clips, tmp_path, monkeypatch):
        meet = threading.Barrier(2, timeout=20)

        def staging_folder(*where, original=store.staging_folder):
            meet.wait()  # both have seen that there is none yet
            return original(*where)

        monkeypatch.setattr(store, "staging_folder", staging_folder)
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
    """A file changes while the others are read."""

    @pytest.fixture
    def meanwhile(self, monkeypatch):
        """Call a function once, just before or after a file is read for hashing (1) or decoding (2)."""

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

    def test_deleted_before_decoding_is_skipped_in_a_separate_store(self, clips, tmp_path, settled, meanwhile):
        good = clips[2].read_bytes()
        meanwhile(clips[2], clips[2].unlink)
        one = opened(clips, tmp_path / "stores")
        assert one.failures == {2: "cannot be read: No such file or directory"}
        clips[2].write_bytes(good)  # restored
        assert opened(clips, tmp_path / "stores").failures == {}

    def test_created_during_hashing_and_deleted_again_is_not_remembered(self, clips, tmp_path, settled, meanwhile):
        content = clips[2].read_bytes()
        clips[2].unlink()
        meanwhile(clips[2], lambda: clips[2].write_bytes(content))
        assert opened(clips, tmp_path / "stores").failures == {}
        clips[2].unlink()
        assert opened(clips, tmp_path / "stores").failures == {2: "cannot be read: No such file or directory"}

    def test_from_missing_to_unreadable_is_reported(self, clips, tmp_path, settled):
        clips[2].unlink()
        opened(clips, tmp_path / "stores")
        clips[2].mkdir()
        assert opened(clips, tmp_path / "stores").failures == {2: "cannot be read: Is a directory"}

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("reading", [1, 2])
    def test_is_stored_by_the_hash_of_the_decoded_bytes_and_read_again(
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


def test_the_store_is_in_the_cache_folder_by_default(clips, tmp_path, monkeypatch):
    monkeypatch.setenv("AERSUT_CACHE", str(tmp_path / "cache"))
    one = open_audio_store(clips, RATE, None)
    assert [path.name for path in (tmp_path / "cache" / "store").glob("*/*")] == [one.key]
