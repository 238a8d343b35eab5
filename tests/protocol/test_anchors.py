"""After a restart a node dials first those whom it was linked to longest."""

from __future__ import annotations

from random import Random

import pytest
from peer_parts import HOUR, NOW, SECRET, peer_id, record

from sorcha_peer_core.model.peer import PeerRecord, PeerRow
from sorcha_peer_core.protocol.discovery import Discovery
from sorcha_peer_core.protocol.discovery_host import DiscoveryConfig
from sorcha_peer_core.protocol.peer_table import PeerTable

ME = peer_id(0)


class Host:
    """Remembers who is dialled; nothing else matters here."""

    def __init__(self) -> None:
        self.dialled: list[str] = []

    def dial(self, contact) -> None:
        self.dialled.append(contact.expected)

    def rtt_s(self, peer_id) -> None:
        return None

    def __getattr__(self, name: str):
        return lambda *values: None


def known(number: int) -> PeerRecord:
    return record(number, "192.0.2.1", seq=(NOW - HOUR) * 1000)


def started(anchors=(), peers: int = 100, links: int = 10) -> tuple[Discovery, Host]:
    """A node with links for some of the peers that it knows."""
    host = Host()
    config = DiscoveryConfig("sorcha", links_wanted=lambda live: links, max_concurrent=links)
    discovery = Discovery(ME, config, PeerTable(SECRET, 1000), host, Random(1))
    rows = [PeerRow(known(number), NOW - HOUR, NOW - HOUR, proved_at=NOW - HOUR) for number in range(1, peers + 1)]
    discovery.start(rows, 0.0, NOW, anchors)
    return discovery, host


def test_anchors_are_dialled_before_all_others():
    discovery, host = started(anchors=[peer_id(77), peer_id(42)])

    discovery.tick(0.0, NOW)

    assert host.dialled[:2] == [peer_id(77), peer_id(42)]
    assert len(set(host.dialled)) == 10


def test_an_anchor_that_is_not_known_any_more_is_passed_over():
    discovery, host = started(anchors=[peer_id(4711), peer_id(42)])

    discovery.tick(0.0, NOW)

    assert host.dialled[0] == peer_id(42)


def test_an_anchor_that_links_by_itself_is_not_dialled():
    discovery, host = started(anchors=[peer_id(77), peer_id(42)])
    discovery.linked(known(77), "192.0.2.1", 0.0, NOW)

    discovery.tick(0.0, NOW)

    assert host.dialled[0] == peer_id(42)
    assert peer_id(77) not in host.dialled


@pytest.mark.parametrize(("order", "anchors"), [((5, 3, 9), [5, 3]), ((9,), [9]), ((), [])])
def test_the_next_anchors_are_those_that_are_linked_longest(order, anchors):
    discovery, _ = started()

    for number in order:
        discovery.linked(known(number), "192.0.2.1", float(number), NOW)

    assert discovery.linking.anchors == [peer_id(number) for number in anchors]


def test_a_peer_that_nobody_can_dial_is_no_anchor():
    discovery, _ = started()
    discovery.linked(record(200, host="", seq=NOW * 1000), "192.0.2.1", 0.0, NOW)

    discovery.linked(known(3), "192.0.2.1", 1.0, NOW)

    assert discovery.linking.anchors == [peer_id(3)]
