"""The metrics of each epoch survive a crash, and a resumed run records each epoch once."""

import json
import platform
import subprocess
import sys

import jax
import pytest
from tensorboardX.proto import event_pb2

from aersut.training import records
from aersut.workers import core_count


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def epoch(number):
    return {"epoch": number, "train_loss": 1 / 3, "validation_uar": number / 7}


def test_appended_records_are_read_in_order_and_in_full_precision(path):
    for number in (1, 2, 3):
        records.append(path, epoch(number))
    assert records.read_records(path) == [epoch(1), epoch(2), epoch(3)]
    assert [json.loads(line) for line in path.read_text().splitlines()] == [epoch(1), epoch(2), epoch(3)]


def test_a_new_run_has_no_records(path):
    assert records.read_records(path) == []
    records.truncate(path, 0)
    assert not path.exists()
    path.write_text("")
    assert records.read_records(path) == []


@pytest.mark.parametrize("rest", ['{"epoch": 3, "train_lo', '{"epoch": 3', "\0\0\0\0", '"epoch"', "[3]", "{}", "3"])
def test_a_line_that_a_crash_left_incomplete_is_skipped(path, rest):
    for number in (1, 2):
        records.append(path, epoch(number))
    with path.open("a") as file:
        file.write(rest)
    assert records.read_records(path) == [epoch(1), epoch(2)]


def test_resuming_deletes_records_after_the_checkpoint(path):
    for number in (1, 2, 3, 4):
        records.append(path, epoch(number))
    records.truncate(path, 2)
    assert records.read_records(path) == [epoch(1), epoch(2)]
    records.append(path, epoch(3))
    assert records.read_records(path) == [epoch(1), epoch(2), epoch(3)]


def test_resuming_after_a_crash_within_a_line_keeps_later_records(path):
    records.append(path, epoch(1))
    with path.open("a") as file:
        file.write('{"epoch": 2, "train')
    records.truncate(path, 1)
    records.append(path, epoch(2))
    assert records.read_records(path) == [epoch(1), epoch(2)]


def test_resuming_after_damage_keeps_the_records_that_can_be_read(path):
    records.append(path, epoch(1))
    with path.open("ab") as file:
        file.write(b"\xff\xfe\n")
    records.append(path, epoch(2))
    records.truncate(path, 2)
    assert records.read_records(path) == [epoch(1), epoch(2)]


def test_resuming_from_the_start_deletes_all_records(path):
    records.append(path, epoch(1))
    records.truncate(path, 0)
    assert path.read_text() == ""


def test_the_best_record_is_the_later_of_equal_ones_and_the_last_is_the_last():
    history = [{"epoch": epoch, "validation_uar": uar} for epoch, uar in enumerate((0.5, 0.7, 0.7, 0.6), start=1)]
    assert records.selected(history, "best")["epoch"] == 3
    assert records.selected(history, "last")["epoch"] == 4


def test_truncation_leaves_no_other_file(path):
    records.append(path, epoch(1))
    records.truncate(path, 1)
    assert list(path.parent.iterdir()) == [path]


def test_a_run_records_its_environment(finished):
    [session] = [json.loads(line) for line in finished.sessions.read_text().splitlines()]
    assert session["after_epoch"] == 0
    assert session["seed"] == 0
    assert session["packages"]["jax"] == jax.__version__
    assert session["python"] == platform.python_version()
    assert session["cores"] == core_count()
    assert session["devices"]
    assert session["processor"]


def test_a_run_has_tensorboard_events(finished):
    [file] = (finished.folder / "tensorboard").iterdir()
    written = {}
    for data in _records(file.read_bytes()):
        event = event_pb2.Event.FromString(data)
        for value in event.summary.value:
            written.setdefault(value.tag, {})[event.step] = value.simple_value
    for record in records.read_records(finished.records):
        for name in ("train_loss", "validation_uar"):
            assert written[name][record["step"]] == pytest.approx(record[name], rel=1e-5)


def _records(content):
    """The records of a TFRecord file: length, checksum of the length, data, checksum of the data."""
    while content:
        length = int.from_bytes(content[:8], "little")
        yield content[12 : 12 + length]
        content = content[12 + length + 4 :]


def test_training_does_not_import_tensorflow():
    script = "import sys; import aersut.training.loop; print('tensorflow' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_a_run_has_a_plot_of_its_curves(finished):
    assert (finished.plots / "curves.png").read_bytes().startswith(b"\x89PNG")
