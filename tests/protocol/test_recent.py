"""Recent transactions: within a budget, but never without what no store has yet."""

from __future__ import annotations

from sorcha_peer_core.model.messages import Push
from sorcha_peer_core.protocol.recent import Recent
from sorcha_peer_core.testing.network_node import make_transaction


def push(number: int, size: int = 10) -> Push:
    return Push(make_transaction(b"%d" % number * size), 0)


def test_what_is_not_committed_stays_whatever_the_budget_says():
    recent = Recent(budget_bytes=5)
    pushes = [push(number) for number in range(10)]

    for one in pushes:
        recent.add(one)

    assert [recent.get(one.transaction.hash) for one in pushes] == pushes
    assert list(recent.uncommitted()) == pushes


def test_the_oldest_committed_ones_make_room():
    recent = Recent(budget_bytes=25)
    pushes = [push(number) for number in range(4)]

    for one in pushes:
        recent.add(one)
        recent.committed(one.transaction.hash)

    assert [recent.get(one.transaction.hash) is not None for one in pushes] == [False, False, True, True]
    assert recent.uncommitted() == ()


def test_a_second_commit_and_a_commit_of_something_unknown_change_nothing():
    recent = Recent(budget_bytes=100)
    recent.add(push(1))
    for _ in range(2):
        recent.committed(push(1).transaction.hash)
    recent.committed(push(2).transaction.hash)
    recent.keep(push(1))

    assert recent._bytes == 10


def test_what_is_larger_than_the_budget_is_not_kept():
    recent = Recent(budget_bytes=25)
    recent.keep(push(1, size=100))

    assert recent.get(push(1, size=100).transaction.hash) is None
    assert recent._bytes == 0
