"""Announcements gather, and nobody hears of what he has."""

from __future__ import annotations

from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.messages import Announced
from sorcha_peer_core.protocol.announce import AnnounceQueue

H = [tx_hash_of(b"%d" % number) for number in range(5)]


def test_each_peer_hears_what_is_for_it_in_the_order_of_arrival():
    queue = AnnounceQueue(items_per_frame=10)
    queue.add(Announced(H[0], 1), [1, 2])
    queue.add(Announced(H[1], 2), [2])
    queue.add(Announced(H[2], 3), [1, 70])

    told = {peer: [item.hash for item in announce.items] for peer, announce in queue.flush()}

    assert told == {1: [H[0], H[2]], 2: [H[0], H[1]], 70: [H[2]]}
    assert not queue


def test_who_has_it_is_not_told():
    queue = AnnounceQueue(items_per_frame=10)
    queue.add(Announced(H[0], 1), [1, 2])
    queue.heard(1, H[0])
    queue.heard(2, H[1])

    assert [peer for peer, _ in queue.flush()] == [2]


def test_long_lists_are_split_into_frames():
    queue = AnnounceQueue(items_per_frame=2)
    for tx_hash in H:
        queue.add(Announced(tx_hash, 9), [1])

    frames = [announce.items for _, announce in queue.flush()]

    assert [len(items) for items in frames] == [2, 2, 1]
    assert frames[2] == (Announced(H[4], 9),)


def test_peers_that_hear_the_same_get_the_same_frame():
    queue = AnnounceQueue(items_per_frame=2)
    queue.add(Announced(H[0], 1), [1, 2])

    (_, one), (_, two) = queue.flush()

    assert one is two


def test_who_is_no_longer_linked_is_not_told():
    queue = AnnounceQueue(items_per_frame=2)
    queue.add(Announced(H[0], 1), [1, 2])
    queue.forget(1)

    assert [peer for peer, _ in queue.flush()] == [2]
