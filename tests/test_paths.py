"""Files and folders are written atomically, even when an error interrupts the writing."""

import json
import math
import os
from pathlib import Path

import pytest

from aersut.errors import UserError
from aersut.paths import (
    cache_dir,
    new_folder,
    refuse_other_file,
    replaced_folder,
    write_bytes,
    write_json,
    write_text,
)


class TestTheCache:
    def test_is_where_aersut_cache_says(self, monkeypatch, tmp_path):
        monkeypatch.setenv("AERSUT_CACHE", str(tmp_path / "mine"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert cache_dir() == tmp_path / "mine"

    def test_is_under_xdg_cache_home_otherwise(self, monkeypatch, tmp_path):
        monkeypatch.setenv("AERSUT_CACHE", "")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert cache_dir() == tmp_path / "xdg" / "aersut"

    def test_is_under_the_home_folder_without_both(self, monkeypatch, tmp_path):
        monkeypatch.delenv("AERSUT_CACHE", raising=False)
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert cache_dir() == tmp_path / ".cache" / "aersut"


class TestAFile:
    def test_is_written_with_the_folders_that_it_needs(self, tmp_path):
        write_bytes(tmp_path / "a" / "b" / "c", b"\0\xff")
        assert (tmp_path / "a" / "b" / "c").read_bytes() == b"\0\xff"
        assert list((tmp_path / "a" / "b").iterdir()) == [tmp_path / "a" / "b" / "c"]

    def test_has_the_old_content_until_the_new_is_on_disk(self, tmp_path, monkeypatch):
        path = tmp_path / "file"
        path.write_bytes(b"old")
        seen = []
        monkeypatch.setattr(os, "fsync", lambda handle: seen.append((path.read_bytes(), os.fstat(handle).st_size)))
        write_bytes(path, b"newer")
        assert seen == [(b"old", 5)]
        assert path.read_bytes() == b"newer"

    @pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
    @pytest.mark.parametrize("step", ["fsync", "replace"])
    def test_is_unchanged_when_writing_is_interrupted_and_no_temporary_file_remains(
        self, tmp_path, monkeypatch, step, error
    ):
        path = tmp_path / "file"
        path.write_bytes(b"old")

        def fail(*_):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(os, step, fail)
            with pytest.raises(type(error)):
                write_bytes(path, b"new")
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
    def test_has_the_permissions_of_the_umask(self, tmp_path, umask):
        before = os.umask(umask)
        try:
            write_bytes(tmp_path / "file", b"")
            assert os.umask(umask) == umask  # as it was
        finally:
            os.umask(before)
        assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask

    def test_of_text_is_utf_8_and_keeps_names_that_are_not_utf_8(self, tmp_path):
        write_text(tmp_path / "file", "Ärger " + os.fsdecode(b"caf\xe9"))
        assert (tmp_path / "file").read_bytes() == "Ärger ".encode() + b"caf\xe9"

    def test_of_json_is_read_back_unchanged_and_ends_with_a_newline(self, tmp_path):
        tree = {"a": [1, 2.5, None, True], "b": {"ä": "caf\udce9"}}
        write_json(tmp_path / "file", tree)
        assert json.loads((tmp_path / "file").read_text(encoding="utf-8")) == tree
        assert (tmp_path / "file").read_text().endswith("}\n")

    @pytest.mark.parametrize("number", [math.nan, math.inf])
    def test_of_json_refuses_nan_and_infinity(self, tmp_path, number):
        write_json(tmp_path / "file", {"uar": 0.5})
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_json(tmp_path / "file", {"uar": number})
        assert json.loads((tmp_path / "file").read_text()) == {"uar": 0.5}


class TestAFolder:
    def test_appears_complete_when_the_block_ends(self, tmp_path):
        path = tmp_path / "deep" / "folder"
        with new_folder(path) as aside:
            (aside / "one").write_text("1")
            assert not path.exists()
        assert (path / "one").read_text() == "1"
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    def test_does_not_appear_when_the_block_fails_and_leaves_no_files(self, tmp_path, error):
        with pytest.raises(error), new_folder(tmp_path / "folder") as aside:
            (aside / "one").write_text("1")
            raise error
        assert list(tmp_path.iterdir()) == []

    def test_that_another_process_has_created_meanwhile_is_kept(self, tmp_path):
        path = tmp_path / "folder"
        with new_folder(path) as aside:
            (aside / "one").write_text("mine")
            path.mkdir()
            (path / "one").write_text("theirs")
        assert (path / "one").read_text() == "theirs"
        assert list(tmp_path.iterdir()) == [path]

    def test_with_the_path_of_a_file_is_an_error(self, tmp_path):
        (tmp_path / "folder").write_text("a file")
        with pytest.raises(OSError, match="folder"), new_folder(tmp_path / "folder") as aside:
            Path(aside, "one").write_text("1")
        assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_a_new_folder_has_the_permissions_of_the_umask(tmp_path):
    (tmp_path / "plain").mkdir()
    with new_folder(tmp_path / "made"):
        pass
    assert (tmp_path / "made").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_is_replaced_when_the_new_one_is_complete(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "old").write_text("")
    with pytest.raises(RuntimeError), replaced_folder(tmp_path / "export") as folder:
        (folder / "half").write_text("")
        raise RuntimeError
    assert [path.name for path in tmp_path.rglob("*")] == ["export", "old"]
    with replaced_folder(tmp_path / "export") as folder:
        (folder / "new").write_text("")
    assert [path.name for path in tmp_path.rglob("*")] == ["export", "new"]


class TestAFileOfTheUser:
    def test_is_not_replaced_by_an_output(self, tmp_path):
        ours, theirs = tmp_path / "page.html", tmp_path / "notes.md"
        ours.write_text("<title>x \u2013 AERSUT</title>", encoding="utf-8")
        theirs.write_text("mine")
        mark = "\u2013 AERSUT</title>".encode()
        refuse_other_file(ours, mark, "a page")
        refuse_other_file(tmp_path / "new.html", mark, "a page")
        for path in (theirs, tmp_path):
            with pytest.raises(UserError, match="exists and is not a page; choose another --output"):
                refuse_other_file(path, mark, "a page")


def test_the_cache_may_be_named_from_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AERSUT_CACHE", "~/mine")
    assert cache_dir() == tmp_path / "mine"
