"""The arrival log as services of a node read it."""

from __future__ import annotations

import pytest
from service_parts import submission, wait_until

from sorcha_peer_core.errors import StoreError
from sorcha_peer_core.model.ids import tx_hash_of

PAYLOADS = [b"%d" % number for number in range(5)]


@pytest.fixture
def reader(village):
    """A node that has released five submissions of its own."""
    first, node = village.node(1), village.node(2, bootstrap=(1,))
    wait_until(lambda: first.status().peers_connected and node.status().peers_connected, "both are linked")
    node.submit([submission(payload) for payload in PAYLOADS])
    wait_until(lambda: len(node.transactions(0, 10).entries) == 5, "all are in the log")
    return node


def test_read_backwards_the_newest_come_first_and_pages_join(reader):
    page = reader.transactions_before(100, 3)
    rest = reader.transactions_before(page.entries[-1].seq, 3)

    assert [entry.seq for entry in (*page.entries, *rest.entries)] == [5, 4, 3, 2, 1]
    assert (page.oldest_seq, page.log_epoch) == (1, reader.status().log_epoch)


def test_a_transaction_is_found_by_the_beginning_of_its_hash(reader):
    wanted = tx_hash_of(PAYLOADS[2])

    assert [entry.hash for entry in reader.find_transactions(wanted.hex()[:20], 2)] == [wanted]
    assert reader.find_transactions("00" * 32, 2) == []


def test_a_transaction_comes_with_its_envelope(reader):
    found = reader.transaction(tx_hash_of(PAYLOADS[0]))

    assert (found.payload, found.header.payload_size, found.header.network_id) == (PAYLOADS[0], 1, "sorcha")
    assert reader.transaction(tx_hash_of(b"missing")) is None


def test_a_stopped_node_says_that_it_is_stopping(reader):
    reader.stop("the test is over")

    with pytest.raises(StoreError, match="the node is stopping"):
        reader.transactions_before(10, 3)
