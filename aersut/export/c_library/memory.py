"""The plan of an arena: memory of tensors that do not live at the same time is shared."""

from collections.abc import Hashable, Mapping
from typing import NamedTuple, TypeVar

ALIGNMENT = 8
Key = TypeVar("Key", bound=Hashable)


class Lifetime(NamedTuple):
    """The memory of a tensor: its size in bytes, and the first and the last step that use it, both included."""

    size: int
    first: int
    last: int


def plan(lifetimes: Mapping[Key, Lifetime]) -> tuple[dict[Key, int], int]:
    """Place each tensor at the lowest offset at which none of its lifetime lies; the largest one is placed first.

    Returns:
        the offsets in bytes, multiples of `ALIGNMENT`, and the size of the arena.

    >>> plan({"a": Lifetime(16, 0, 1), "b": Lifetime(8, 1, 2), "c": Lifetime(12, 2, 3)})
    ({'a': 0, 'c': 0, 'b': 16}, 24)
    """
    places: dict[Key, int] = {}
    for key, one in sorted(lifetimes.items(), key=lambda item: (-item[1].size, item[1].first)):
        offset = 0
        for other, place in sorted(places.items(), key=lambda item: item[1]):
            with_it = lifetimes[other]
            if with_it.first > one.last or one.first > with_it.last:
                continue
            if offset + one.size <= place:
                break
            offset = max(offset, _aligned(place + with_it.size))
        places[key] = offset
    return places, _aligned(max((place + lifetimes[key].size for key, place in places.items()), default=0))


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
