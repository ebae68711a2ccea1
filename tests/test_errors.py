"""An interruption remains one, whatever a library makes of it."""

import pytest

from aersut.errors import interruptible


def test_an_error_that_an_interruption_caused_is_an_interruption():
    with pytest.raises(KeyboardInterrupt), interruptible():
        try:
            try:
                raise KeyboardInterrupt
            except KeyboardInterrupt as error:
                raise ValueError("arguments cannot be compared") from error
        except ValueError as error:
            raise RuntimeError("the step failed") from error


def test_other_errors_stay_what_they_are():
    with pytest.raises(ValueError, match="loss"), interruptible():
        try:
            raise KeyError("x")
        except KeyError as error:
            raise ValueError("the loss is not finite") from error
