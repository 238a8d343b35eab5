"""Compressed links over real transports."""

from __future__ import annotations

import pytest
from service_parts import wait_until
from tls_worlds import TRANSPORTS, World, all_have, submit, wait_for_link

from sorcha_peer_core.model.handshake import Form
from sorcha_peer_core.wire.compress import FORMS


@pytest.mark.parametrize("forms", [(Form.ZLIB,), pytest.param(FORMS, id="all")])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_two_nodes_tell_each_other_takes_fewer_bytes_by_every_transport(transport, forms, tmp_path, monkeypatch):
    pytest.importorskip(f"sorcha_transport_{transport}")
    monkeypatch.setattr("sorcha_peer_core.node.parts.FORMS", forms)
    world = World(tmp_path, transport, monkeypatch)
    texts = [b"every participant may read what number %d wrote; " % number * 60 for number in range(40)]
    large = b"and a large one, which comes in chunks; " * 8000
    try:
        south = world.node("south")
        north = world.node("north", dials=south)
        wait_for_link(south, north)

        for number, payload in enumerate((*texts, large)):
            submit((south, north)[number % 2], payload)

        wait_until(all_have([south, north], [*texts, large]), "both have everything", 15.0)
        for node in (south, north):
            traffic = node.status().traffic
            assert traffic.sent_bytes < traffic.sent_plain_bytes / 2
            assert traffic.received_bytes < traffic.received_plain_bytes / 2
            assert node._assembled.links.compression.refused == 0
    finally:
        world.stop()
