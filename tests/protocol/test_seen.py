"""Seen hashes: exact for at least one rotation, bounded always."""

from __future__ import annotations

from sorcha_peer_core.protocol.seen import Seen


def test_a_hash_is_remembered_over_one_rotation_and_forgotten_after_two():
    seen = Seen(entries=10)
    seen.add(b"a", 1.0)

    seen.rotate()
    after_one = b"a" in seen
    seen.rotate()

    assert (after_one, b"a" in seen) == (True, False)


def test_memory_is_bounded_by_two_generations():
    seen = Seen(entries=10)

    for number in range(1000):
        seen.add(b"%d" % number, 1.0)

    assert len(seen) <= 20
    assert all(b"%d" % number in seen for number in range(990, 1000))


def test_when_it_came_is_remembered_as_long_as_the_hash():
    seen = Seen(entries=10)
    seen.add(b"a", 1.5)

    seen.rotate()

    assert (seen.arrived_at(b"a"), seen.arrived_at(b"b")) == (1.5, None)
