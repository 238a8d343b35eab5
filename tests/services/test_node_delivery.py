"""What a node is given leaves its queue when others have it, and never before."""

from __future__ import annotations

import pytest
from node_parts import everywhere, submit, wait_for_links
from service_parts import sealed, submission, wait_until

from sorcha_peer_core.builtin.memory_store import MemoryStore
from sorcha_peer_core.builtin.sqlite_store import build_sqlite_store
from sorcha_peer_core.model.transaction import Arrival, QueueState

QUICK = {"communication": {"retry_delay_s": 0.2}}


@pytest.fixture
def store():
    """Opened by the node that gets it."""
    return MemoryStore()


def is_empty(store) -> bool:
    return store.queue_totals().waiting == 0


def test_a_row_leaves_the_queue_with_the_receipts_of_two_peers(village, store):
    first = village.node(1, url="given://", store=store)
    others = [village.node(number, bootstrap=(1,)) for number in (2, 3)]
    wait_for_links(first, *others)

    submit(first, b"small", b"middle" * 10_000, b"large" * 200_000)

    wait_until(lambda: is_empty(store), "all are delivered", 15.0)
    assert store.queue_totals().dead == 0


def test_a_long_queue_is_shared_by_peers_and_delivered(village, store):
    first = village.node(1, url="given://", store=store, **QUICK)
    payloads = [b"%d" % number * 100 for number in range(1200)]
    submit(first, *payloads)

    others = [village.node(number, bootstrap=(1,)) for number in (2, 3, 4)]

    wait_until(everywhere([first, *others], payloads), "everybody has everything", 30.0)
    wait_until(lambda: is_empty(store), "all are delivered", 15.0)


def test_a_node_that_stops_has_handed_out_what_it_was_given_before(village, store):
    first = village.node(1, url="given://", store=store)
    others = [village.node(number, bootstrap=(1,)) for number in (2, 3)]
    wait_for_links(first, *others)
    payloads = [b"%d" % number * 100 for number in range(300)]
    submit(first, *payloads)

    village.stop(first)

    assert is_empty(store)
    wait_until(everywhere(others, payloads), "both others have it")


def test_what_was_in_flight_at_the_end_of_a_life_is_delivered_in_the_next_one(village):
    first = village.node(1, url="sqlite:///peer.db")
    village.stop(first)
    # As after a crash between the commit and the first receipt.
    store = build_sqlite_store("sqlite:///peer.db", first.data_dir)
    store.open()
    store.put([submission(b"released")], 1.0)
    transaction = sealed(b"released", network_id=first.settings("node")["network_id"])
    store.append([Arrival(transaction, 1.0, 0, True)])
    assert store.queue_totals().inflight == 1
    store.close()
    second = village.node(2)

    store = build_sqlite_store("sqlite:///peer.db", first.data_dir)
    first = village.node(1, bootstrap=(2,), url="given://", store=store)

    wait_until(everywhere([first, second], [b"released"]), "both have it", 10.0)
    wait_until(lambda: is_empty(store), "it is delivered")


def test_what_a_peer_finds_too_large_becomes_a_dead_letter_that_says_so(village, store):
    small = {"transaction_distribution": {"max_transaction_bytes": 1000}}
    first = village.node(1, url="given://", store=store, **QUICK)
    second = village.node(2, bootstrap=(1,), **small)
    wait_for_links(first, second)
    heavy = b"x" * 2000

    submit(first, heavy, b"light")

    def row():
        return store.queue_row(submission(heavy).tx_hash)

    wait_until(lambda: row().state is QueueState.DEAD, "it is given up", 10.0)
    assert row().reason == "refused by a peer: its payload has 2000 bytes; 1 to 1000 are allowed"
    wait_until(lambda: is_empty(store), "the other one is delivered")
