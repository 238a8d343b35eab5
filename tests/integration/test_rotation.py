"""Certificates change while transactions flow and links are made anew; nobody restarts and nothing is lost."""

from __future__ import annotations

import logging

import gevent
import pytest
from service_parts import wait_until
from tls_parts import NETWORK, authority_in, install, now_s
from tls_worlds import TRANSPORTS, World, all_have, submit, wait_for_link

from sorcha_peer_core.node import Node
from sorcha_peer_core.node import node as node_module
from sorcha_peer_core.services.tls.certificates import spki_sha256
from sorcha_peer_core.services.tls.own_certificate import OwnCertificate

ROUNDS = 4
PER_ROUND = 50
NAMES = ("north", "south", "east")


@pytest.fixture(params=TRANSPORTS)
def world(request, tmp_path, monkeypatch):
    pytest.importorskip(f"sorcha_transport_{request.param}")
    monkeypatch.setattr(node_module, "_CERTIFICATES_CHECKED_EVERY_S", 0.05)
    world = World(tmp_path, request.param, monkeypatch)
    yield world
    world.stop()


def credentials_of(node: Node):
    return node._assembled.ground.protection.credentials


def break_links_of(node: Node) -> None:
    """So that new ones are made under the new certificate."""
    for peer in list(node._assembled.links.peers.values()):
        peer.link.close("broken off by the test")


def run_under_load(nodes, rotate):
    """Everybody submits while everybody rotates and links break; returns all payloads."""
    payloads: list[bytes] = []
    for number in range(ROUNDS):
        for place, node in enumerate(nodes):
            fresh = [f"{place} {number} {index}".encode() for index in range(PER_ROUND)]
            payloads += fresh
            submit(node, *fresh[: PER_ROUND // 2])
            before = credentials_of(node).server_binding
            rotate(NAMES[place], number)
            wait_until(lambda node=node, before=before: credentials_of(node).server_binding != before, "it presents another")
            submit(node, *fresh[PER_ROUND // 2 :])
            gevent.idle()
        break_links_of(nodes[number % len(nodes)])
    return payloads


def test_in_mode_open_new_keys_are_taken_up_under_load_and_nothing_is_lost(world, caplog):
    caplog.set_level(logging.ERROR)
    first = world.node("north")
    nodes = [first, world.node("south", dials=first), world.node("east", dials=first)]
    wait_for_link(*nodes)

    def rotate(name: str, number: int) -> None:
        node = nodes[NAMES.index(name)]
        OwnCertificate(world.data_dir(name), NETWORK, node.status().peer_id).rotate(now_s())

    payloads = run_under_load(nodes, rotate)

    wait_until(all_have(nodes, payloads), "everybody has everything", 20.0)
    wait_for_link(*nodes)
    assert caplog.records == []


def test_in_mode_ca_new_certificates_are_taken_up_under_load_and_nothing_is_lost(world, tmp_path, caplog):
    caplog.set_level(logging.ERROR)
    authority = authority_in(tmp_path / "authority")
    for name in NAMES:
        install(authority, world.data_dir(name), world.identity(name))
    first = world.node("north", "ca")
    nodes = [first, world.node("south", "ca", dials=first), world.node("east", "ca", dials=first)]
    wait_for_link(*nodes)

    payloads = run_under_load(nodes, lambda name, number: install(authority, world.data_dir(name), world.identity(name)))

    wait_until(all_have(nodes, payloads), "everybody has everything", 20.0)
    wait_for_link(*nodes)
    assert caplog.records == []


def test_after_a_rotation_new_links_are_made_with_the_new_key_and_the_record_names_both(world):
    south = world.node("south")
    north = world.node("north", dials=south)
    wait_for_link(north, south)
    [before] = north._assembled.links.peers.values()
    old = spki_sha256(before.link.remote_certificate)

    OwnCertificate(world.data_dir("south"), NETWORK, south.status().peer_id).rotate(now_s())
    wait_until(lambda: len(credentials_of(south).tls_keys) == 2, "it has two keys")
    # Only north dials from here on: who was dialled sees no certificate in mode open.
    south._assembled.discovery.stop()
    break_links_of(south)
    wait_until(lambda: [p.link for p in north._assembled.links.peers.values()] not in ([], [before.link]), "a new link", 10.0)

    [after] = north._assembled.links.peers.values()
    new = spki_sha256(after.link.remote_certificate)
    assert new != old
    assert set(after.record.tls_keys) == {new, old}
