"""Memoization by value."""

from aersut.memo import memoized


def test_equal_arguments_share_a_result_and_different_ones_do_not():
    make = memoized(lambda *arguments: [*arguments])
    assert make(1, ("a",)) is make(1, ("a",))
    assert make(1, ("a",)) is not make(1, ("b",))


def test_arguments_that_cannot_be_hashed_are_passed_on():
    make = memoized(lambda items: [*items])
    assert make([1]) == [1]
    assert make([1]) is not make([1])


def test_only_the_last_results_are_kept():
    """A sweep over sizes of networks would otherwise keep a compiled step of each."""
    make = memoized(lambda number: [number])
    first = make(0)
    for number in range(1, 9):
        make(number)
    assert make(0) is not first
