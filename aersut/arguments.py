"""Checks of arguments of the Python interface."""

import operator
from collections.abc import Iterable
from typing import Any

from aersut.errors import UserError


def listed_argument(values: Any, contract: Any, argument: str, expected: str) -> tuple[Any, ...]:
    """The entries of an argument, or the only one; `UserError` if one has another type, or there is none."""
    entries = (values,) if isinstance(values, contract) else values
    if not isinstance(entries, Iterable) or isinstance(entries, str):
        raise UserError(f"{argument} is {values!r}: expected {expected}.")
    found = tuple(entries)
    if not found:
        raise UserError(f"{argument} is empty: expected {expected}.")
    for one in found:
        if not isinstance(one, contract):
            raise UserError(f"{argument} contains {one!r}: expected {expected}.")
    return found


def integers_argument(flag: str, values: Any) -> tuple[int, ...]:
    """Different integers, also those of NumPy; `UserError` for other values, or none."""
    expected = f"expected {'all, or ' * (flag == 'folds')}integers such as 0,2"
    try:
        found = tuple(operator.index(one) for one in values)
    except TypeError:
        raise UserError(f"--{flag}={values}: {expected}.") from None
    if not found:
        raise UserError(f"--{flag} is empty: {expected}.")
    if len(set(found)) < len(found):
        raise UserError(f"--{flag}={','.join(map(str, found))}: a value is given twice.")
    return found
