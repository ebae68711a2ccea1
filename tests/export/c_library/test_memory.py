"""The plan of the arena: no two tensors that live together overlap."""

from hypothesis import given
from hypothesis import strategies as st

from aersut.export.c_library.memory import ALIGNMENT, Lifetime, plan

STEPS = st.integers(0, 8)
LIFETIMES = st.lists(
    st.builds(lambda size, a, b: Lifetime(size, min(a, b), max(a, b)), st.integers(1, 40), STEPS, STEPS), max_size=12
)


@given(LIFETIMES)
def test_tensors_that_live_together_do_not_overlap(lifetimes: list[Lifetime]):
    tensors = dict(enumerate(lifetimes))
    places, size = plan(tensors)
    assert all(place % ALIGNMENT == 0 for place in places.values())
    assert all(places[key] + one.size <= size for key, one in tensors.items())
    for key, one in tensors.items():
        for other, two in tensors.items():
            together = key != other and one.first <= two.last and two.first <= one.last
            apart = places[key] + one.size <= places[other] or places[other] + two.size <= places[key]
            assert not together or apart


@given(LIFETIMES)
def test_the_arena_is_no_larger_than_all_tensors_together(lifetimes: list[Lifetime]):
    _, size = plan(dict(enumerate(lifetimes)))
    assert size <= sum(-(-one.size // ALIGNMENT) * ALIGNMENT for one in lifetimes)
