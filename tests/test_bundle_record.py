"""What a user changed or added in an exported bundle is not deleted with it."""

import re
from pathlib import Path

import pytest

from aersut.bundle_record import RECORD, record_bundle, recorded_update, refuse_changed_bundle
from aersut.errors import UserError
from aersut.paths import write_text


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    for name in ("labels.txt", "model_card.md", "c/src/aersut.c"):
        write_text(tmp_path / name, name)
    record_bundle(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["labels.txt", "c/src/aersut.c", "c/examples/my_board/main.c", "notes.txt"])
def test_a_changed_or_added_file_is_named(bundle: Path, name: str):
    refuse_changed_bundle(bundle, "export again")
    write_text(bundle / name, "mine")
    expected = f"since the export: {name}. Move them out of the folder to export again."
    with pytest.raises(UserError, match=re.escape(expected)):
        refuse_changed_bundle(bundle, "export again")


@pytest.mark.parametrize("name", ["c/src/aersut.o", "c/libaersut.a", "c/aersut", "c/build/CMakeCache.txt"])
def test_what_a_compiler_wrote_is_no_change(bundle: Path, name: str):
    write_text(bundle / name, "")
    refuse_changed_bundle(bundle, "export again")


def test_what_a_later_command_writes_is_recorded(bundle: Path):
    with recorded_update(bundle, "emulation.json", "model_card.md"):
        write_text(bundle / "emulation.json", "{}")
        write_text(bundle / "model_card.md", "with boards")
    refuse_changed_bundle(bundle, "export again")


def test_a_later_command_does_not_record_what_the_user_changed(bundle: Path):
    write_text(bundle / "model_card.md", "mine")
    with recorded_update(bundle, "emulation.json", "model_card.md"):
        write_text(bundle / "emulation.json", "{}")
        write_text(bundle / "model_card.md", "mine, with boards")
    with pytest.raises(UserError, match=r"since the export: model_card\.md\."):
        refuse_changed_bundle(bundle, "export again")


def test_a_later_command_needs_no_file_that_the_user_deleted(bundle: Path):
    (bundle / "model_card.md").unlink()
    with recorded_update(bundle, "model_card.md"):
        pass
    refuse_changed_bundle(bundle, "export again")


def test_of_a_bundle_without_a_record_nothing_is_known(bundle: Path):
    (bundle / RECORD).unlink()
    write_text(bundle / "labels.txt", "mine")
    with recorded_update(bundle, "emulation.json"):
        write_text(bundle / "emulation.json", "{}")
    refuse_changed_bundle(bundle, "export again")
    assert not (bundle / RECORD).exists()
