"""Whole nodes in the modes of encryption. The transport in memory encrypts nothing, but it presents the certificates."""

from __future__ import annotations

import time

import pytest
from node_parts import everywhere, submit, wait_for_links
from service_parts import wait_until

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.node import node as module
from sorcha_peer_core.services.tls.own_certificate import OwnCertificate

OPEN = {"security": {"mode": "open"}}


@pytest.mark.parametrize("mode", ["open", "insecure"])
def test_three_nodes_share_their_transactions(village, mode):
    sections = {"security": {"mode": mode}}
    nodes = [village.node(1, **sections), *(village.node(number, bootstrap=(1,), **sections) for number in (2, 3))]
    wait_for_links(*nodes)
    payloads = [f"payload {number}".encode() for number in range(30)]

    for place, node in enumerate(nodes):
        submit(node, *payloads[10 * place : 10 * (place + 1)])

    wait_until(everywhere(nodes, payloads), "everybody has everything", 10.0)


def test_a_node_in_mode_open_names_the_key_of_its_certificate(village):
    node = village.node(1, **OPEN)

    record = node._assembled.own.record

    assert list(record.tls_keys) == list(node._assembled.ground.protection.credentials.tls_keys)
    assert len(record.tls_keys) == 1


def test_a_node_without_encryption_names_none(village):
    assert village.node(1)._assembled.own.record.tls_keys == ()


def test_a_node_shows_what_it_presents(village):
    view = village.node(1, **OPEN).protection()

    assert view.mode == "open"
    assert view.expires_at > time.time() + 86_400
    assert [len(bytes.fromhex(text)) for text in (view.public_key, view.certificate_sha256, *view.tls_keys)] == [32, 32, 32]


def test_a_node_without_encryption_presents_nothing(village):
    view = village.node(1, security={"mode": "insecure"}).protection()

    assert (view.mode, view.certificate_sha256, view.expires_at, view.tls_keys) == ("insecure", "", None, [])


def test_a_node_says_which_of_the_installed_plugins_are_chosen(village):
    [builtin] = [plugin for plugin in village.node(1).plugins() if plugin["name"] == "builtin"]

    strategies = {offer["name"]: offer["chosen"] for offer in builtin["offers"] if offer["kind"] == "strategy"}
    assert builtin["chosen"] is True
    assert strategies == {"mesh": True, "sqrt": False, "flood": False}


def refusals(node):
    return node._assembled.ground.events.counts["HandshakeRefused"]


def test_a_certificate_that_is_not_the_peers_own_is_refused(village):
    """As somebody in the middle would present it, who decrypts and encrypts again."""
    village.node(1, **OPEN)
    village.node(3, **OPEN)
    village.rungs[1, "memory"].certificate = village.rungs[3, "memory"].certificate

    second = village.node(2, bootstrap=(1,), **OPEN)

    wait_until(lambda: refusals(second), "it is refused")
    assert second.status().peers_connected == 0


def test_a_node_in_mode_open_does_not_link_to_one_without_encryption(village):
    village.node(1)

    second = village.node(2, bootstrap=(1,), **OPEN)

    wait_until(lambda: refusals(second), "it is refused")
    assert second.status().peers_connected == 0


def test_a_node_without_encryption_does_not_listen_beyond_this_machine(village):
    with pytest.raises(ConfigError, match=r"the node would listen on 192\.0\.2\.1:1: links are not encrypted then"):
        village.node(1, host="192.0.2.1")

    village.node(1, host="192.0.2.1", security={"allow_insecure_network": True})


def test_a_node_with_encryption_listens_anywhere(village):
    assert village.node(1, host="192.0.2.1", **OPEN).status().listening == ("grpc://192.0.2.1:1",)


def test_a_new_certificate_is_told_to_those_who_are_linked_and_their_links_stay(village, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_CERTIFICATES_CHECKED_EVERY_S", 0.01)
    first = village.node(1, **OPEN)
    second = village.node(2, bootstrap=(1,), **OPEN)
    wait_for_links(first, second)
    peer_id, before = first.status().peer_id, first._assembled.own.record
    peer = second._assembled.links.peers[peer_id]
    link = peer.link

    OwnCertificate(tmp_path / "node1", "sorcha", peer_id).rotate(time.time())

    wait_until(lambda: peer.record.seq > before.seq and len(peer.record.tls_keys) == 2, "the other has heard of it")
    assert peer.record.tls_keys[1:] == before.tls_keys
    assert peer.link is link
    assert second.status().peers_connected == 1


def test_a_node_that_waits_for_its_next_look_at_certificates_stops_at_once(village):
    node = village.node(1, **OPEN)

    began = time.monotonic()
    village.stop(node)

    assert time.monotonic() - began < 0.5
