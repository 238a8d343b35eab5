"""A whole node and a client that is none: what it notifies reaches everybody, as this node's own."""

from __future__ import annotations

import pytest
from foreign_parts import CALLER, FakeForeignClient, registration
from node_parts import Village, everywhere, held_by, wait_for_links
from service_parts import wait_until

from sorcha_peer_core.interfaces.peer_api import NotifyAnswer
from sorcha_peer_core.model.events import ForeignFetchFailed
from sorcha_peer_core.model.ids import tx_hash_of

PAYLOAD = b"from afar"
HASH = tx_hash_of(PAYLOAD)


@pytest.fixture
def village(tmp_path):
    made = Village(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def foreign():
    return FakeForeignClient()


@pytest.fixture
def gateway(village, foreign):
    """A node that has the client registered."""
    node = village.node(1)
    node._classic.dial_back.by([foreign])
    assert node._classic.api.register(registration().peer, CALLER) == (True, "registered")
    return node


def notify(node, payload=PAYLOAD, size=None):
    return node._classic.api.notify(
        tx_hash_of(payload).hex(), "foreign", len(payload) if size is None else size, register_id="r", caller=CALLER
    )


def test_what_a_client_notifies_reaches_every_node_with_this_node_as_its_origin(village, gateway, foreign):
    other = village.node(2, bootstrap=(1,))
    wait_for_links(gateway, other)
    foreign.payloads[HASH] = PAYLOAD

    assert notify(gateway) == NotifyAnswer(already_known=False, will_request=True)

    wait_until(everywhere([gateway, other], [PAYLOAD]), "both have it", 10.0)
    [entry] = other.transactions(0, 10).entries
    assert (entry.origin, entry.register_id) == (gateway.status().peer_id, "r")


def test_what_waits_in_the_outbox_is_known(gateway, foreign):
    foreign.payloads[HASH] = PAYLOAD
    notify(gateway)
    wait_until(lambda: gateway.status().queue_pending == 1, "it is queued, there is nobody to release it to")

    assert notify(gateway) == NotifyAnswer(already_known=True, will_request=False)
    assert gateway._classic.api.payload(HASH.hex()) == PAYLOAD


def test_what_does_not_prove_itself_goes_nowhere(village, gateway, foreign):
    other = village.node(2, bootstrap=(1,))
    wait_for_links(gateway, other)
    foreign.payloads[HASH] = b"something else"

    notify(gateway, size=20)

    failed = gateway._parts.ground.events.counts
    wait_until(lambda: failed[ForeignFetchFailed.__name__], "it is reported")
    assert held_by(gateway) == held_by(other) == set()
    assert b'sorcha_events_total{kind="ForeignFetchFailed"} 1.0' in gateway.metrics_text()


def test_a_registration_is_listed_and_never_gossiped(village, gateway):
    other = village.node(2, bootstrap=(1,))
    wait_for_links(gateway, other)

    assert "foreign" in {peer.peer_id for peer in gateway._classic.api.peer_list("", 0)[0]}
    assert {peer.peer_id for peer in other._classic.api.peer_list("", 0)[0]} == {gateway.status().peer_id}
    assert "foreign" not in {peer.peer_id for peer in gateway.peers()}


def test_a_node_that_stops_tells_so_before_its_links_close_and_does_not_wait_for_clients(village, gateway, foreign):
    other = village.node(2, bootstrap=(1,))
    wait_for_links(gateway, other)
    notify(gateway, b"first")
    foreign.gate.clear()
    notify(gateway, b"second")
    linked = []
    gateway._classic.api.when_stopping(lambda: linked.append(gateway.status().peers_connected))

    village.stop(gateway)

    assert linked == [1]
    assert foreign.asked_at_once == 0
