"""A set to draw from."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.protocol.urn import Urn


@settings(derandomize=True)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9))))
def test_it_holds_what_was_put_in_and_not_taken_out(steps):
    urn: Urn[int] = Urn()
    expected: set[int] = set()

    for puts, item in steps:
        if puts:
            urn.put(item)
            expected.add(item)
        else:
            urn.take_out(item)
            expected.discard(item)

    assert (set(urn), len(urn)) == (expected, len(expected))
    assert all(item in urn for item in expected)
    assert (urn.draw(Random(1)) in expected) if expected else urn.draw(Random(1)) is None


def test_each_is_drawn_about_as_often():
    urn: Urn[int] = Urn()
    for item in range(5):
        urn.put(item)
    urn.take_out(1)
    rng = Random(1)

    drawn = Counter(urn.draw(rng) for _ in range(4000))

    assert set(drawn) == {0, 2, 3, 4}
    assert min(drawn.values()) > 900
