"""Whole nodes that find out where they are reached, and tell each other."""

from __future__ import annotations

import pytest
from link_parts import HOST
from node_parts import wait_for_links
from service_parts import wait_until

from sorcha_peer_core.builtin.addresses import InterfaceResolver
from sorcha_peer_core.model.messages import DialBack
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services import reachability

OUTSIDE = "5.5.5.5"
HOME = "192.168.1.5"


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Nobody waits for seconds before peers are asked."""
    monkeypatch.setattr(reachability, "FIRST_S", (0.05, 0.1))
    monkeypatch.setattr(reachability, "REST_S", 0.1)


@pytest.fixture
def public(village):
    """Makes nodes with public addresses, each in a network of its own; the first is everybody's first contact."""

    def make(number: int):
        contacts = [] if number == 1 else ["11.8.4.1:2001"]
        return at(village, 2000 + number, f"{10 + number}.8.4.1", contacts)

    return make


def at(village, number: int, host: str, contacts=()):
    return village.node(
        number,
        host=host,
        security={"mode": "insecure", "allow_insecure_network": True},
        peer_discovery={"bootstrap_nodes": list(contacts)},
    )


def behind_a_router(village, number: int):
    """A node whose packets come from a router: it listens where nobody outside can dial it."""
    node = at(village, number, HOME)
    village.rungs[number, "memory"]._endpoint = Endpoint("memory", OUTSIDE, number)
    return node


def link(node, *others):
    for other in others:
        [address] = other.status().listening
        scheme, _, authority = address.partition("://")
        host, _, port = authority.partition(":")
        node._parts.links.dial([Endpoint(scheme, host, int(port))], other.status().peer_id)


def is_(state: str, *nodes):
    return lambda: all(node.status().reachability == state for node in nodes)


def told(node) -> list[str]:
    return [view.address for view in node.status().addresses if view.told]


def test_two_nodes_on_one_machine_reach_each_other_and_call_it_local(village):
    first = village.node(2001)
    second = village.node(2002, bootstrap=(2001,))

    wait_until(is_("local", first, second), "both have asked")

    status = second.status()
    assert status.external_address == f"{HOST}:2002"
    assert [(view.address, view.source, view.state, view.told) for view in status.addresses] == [
        (f"grpc://{HOST}:2002", "listener", "reached", True)
    ]
    assert second.metrics_text().decode().count("sorcha_dial_backs_reached_total 1.0") == 1


def test_a_node_alone_knows_nothing(village):
    assert village.node(2001).status().reachability == "unknown"


def test_three_nodes_on_the_internet_are_public(public):
    nodes = [public(number) for number in (1, 2, 3)]

    wait_until(is_("public", *nodes), "all have asked")

    assert [node.status().external_address for node in nodes] == ["11.8.4.1:2001", "12.8.4.1:2002", "13.8.4.1:2003"]


def test_a_node_behind_a_router_is_private_and_makes_nobody_dial_in_vain(village, public, monkeypatch):
    monkeypatch.setattr(InterfaceResolver, "resolve", lambda self: [HOME])
    others = [public(number) for number in (1, 2, 3)]
    wait_for_links(*others)
    hidden = behind_a_router(village, 2004)
    link(hidden, *others)

    wait_until(is_("private", hidden), "it knows that it is")

    # They see it all the same, which is why it was asked for.
    assert [(view.address, view.source) for view in hidden.status().addresses] == [
        (f"grpc://{OUTSIDE}:2004", "peers"),
        (f"grpc://{HOME}:2004", "listener"),
    ]
    assert told(hidden) == [f"grpc://{HOME}:2004"]
    assert hidden.status().address_findings["peers"] == {OUTSIDE: "3"}
    assert hidden.status().external_address == ""


def test_a_node_with_a_port_forwarding_is_public_and_everybody_hears_where(village, public, monkeypatch):
    monkeypatch.setattr(InterfaceResolver, "resolve", lambda self: [HOME])
    others = [public(number) for number in (1, 2, 3)]
    wait_for_links(*others)
    mapped = behind_a_router(village, 2004)
    village.network.bind(OUTSIDE, 2004, village.rungs[2004, "memory"])
    link(mapped, *others)

    wait_until(is_("public", mapped), "it knows that it is")

    assert told(mapped) == [f"grpc://{OUTSIDE}:2004", f"grpc://{HOME}:2004"]
    peer_id = mapped.status().peer_id

    def heard_by(node) -> str:
        return next(view.address for view in node.peers() if view.peer_id == peer_id)

    wait_until(lambda: {heard_by(other) for other in others} == {f"{OUTSIDE}:2004"}, "all have its new record")


def test_nobody_is_dialled_for_a_peer_that_is_seen_elsewhere(village, public):
    victim, kind, liar = (public(number) for number in (1, 2, 3))
    wait_for_links(victim, kind, liar)
    wait_until(is_("public", victim, kind, liar), "all have asked")
    dialled = village.rungs[2002, "memory"].dialled
    dialled.clear()
    refused = kind._parts.address.for_others.answers["refused"]

    [place] = victim._parts.own.record.endpoints
    liar._parts.links.send(kind.status().peer_id, DialBack(1, (place, place._replace(port=2025))))

    wait_until(lambda: kind._parts.address.for_others.answers["refused"] == refused + 2, "it has answered")
    assert place not in dialled


def test_a_node_that_listens_on_nothing_is_a_full_peer(village, monkeypatch):
    first = village.node(2001)
    monkeypatch.setattr("link_parts.Rung.listen", lambda self, events: [])
    dialler = village.node(2002, bootstrap=(2001,), communication={"listen": ""})

    wait_for_links(first, dialler)

    status = dialler.status()
    assert (status.listening, status.addresses, status.external_address, status.reachability) == ((), (), "", "unknown")


def test_a_clear_text_node_that_listens_on_nothing_needs_no_permission(village, monkeypatch):
    monkeypatch.setattr("link_parts.Rung.listen", lambda self, events: [])

    node = village.node(2001, communication={"listen": ""})

    assert node.health().ready
