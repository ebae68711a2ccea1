"""Memoization of functions that are compiled for a configuration."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def memoized(function: Callable[P, T]) -> Callable[P, T]:
    """Keep the results of the last eight different arguments, compared by value.

    A function that returns a jitted function then compiles once for all runs of a process with equal arguments. A
    plugin with a list or a dict as a field cannot be compared by a hash; for it, the function is called each time.
    """
    kept: Any = functools.lru_cache(maxsize=8)(function)

    @functools.wraps(function)
    def call(*arguments: P.args, **keywords: P.kwargs) -> T:
        try:
            hash((arguments, *keywords.items()))
        except TypeError:
            return function(*arguments, **keywords)
        result: T = kept(*arguments, **keywords)
        return result

    return call
