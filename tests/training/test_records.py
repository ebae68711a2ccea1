"""The metrics of each epoch survive a crash, and a resumed run records no epoch twice."""

import json

import pytest

from aersut.training import records


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def epoch(number):
    return {"epoch": number, "train_loss": 1 / 3, "validation_uar": number / 7}


def test_what_is_appended_is_read_in_its_order_to_the_last_digit(path):
    for number in (1, 2, 3):
        records.append(path, epoch(number))
    assert records.read(path) == [epoch(1), epoch(2), epoch(3)]
    assert [json.loads(line) for line in path.read_text().splitlines()] == [epoch(1), epoch(2), epoch(3)]


def test_a_run_that_has_recorded_nothing_has_no_records(path):
    assert records.read(path) == []
    records.cut(path, 0)
    assert not path.exists()
    path.write_text("")
    assert records.read(path) == []


@pytest.mark.parametrize("rest", ['{"epoch": 3, "train_lo', '{"epoch": 3', "\0\0\0\0", '"epoch"', "[3]", "{}", "3"])
def test_a_line_that_a_crash_has_cut_short_is_passed_over(path, rest):
    for number in (1, 2):
        records.append(path, epoch(number))
    with path.open("a") as file:
        file.write(rest)
    assert records.read(path) == [epoch(1), epoch(2)]


def test_going_on_drops_what_came_after_the_checkpoint(path):
    for number in (1, 2, 3, 4):
        records.append(path, epoch(number))
    records.cut(path, 2)
    assert records.read(path) == [epoch(1), epoch(2)]
    records.append(path, epoch(3))
    assert records.read(path) == [epoch(1), epoch(2), epoch(3)]


def test_going_on_after_a_crash_in_the_middle_of_a_line_loses_nothing_that_comes_after(path):
    records.append(path, epoch(1))
    with path.open("a") as file:
        file.write('{"epoch": 2, "train')
    records.cut(path, 1)
    records.append(path, epoch(2))
    assert records.read(path) == [epoch(1), epoch(2)]


def test_going_on_from_the_very_start_drops_everything(path):
    records.append(path, epoch(1))
    records.cut(path, 0)
    assert path.read_text() == ""


def test_cutting_leaves_no_other_file_behind(path):
    records.append(path, epoch(1))
    records.cut(path, 1)
    assert list(path.parent.iterdir()) == [path]
