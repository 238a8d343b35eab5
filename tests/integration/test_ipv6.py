"""Networks in which IPv4 is missing: everywhere, or at some of the nodes."""

from __future__ import annotations

import pytest
from laboratory import Laboratory
from laboratory_nodes import hops_of, linked_to, peers_of, spread, wait_until_linked, wait_until_ready, wait_until_status
from laboratory_servers import serve_stun

from sorcha_peer_core.cli.cluster import wait_until


@pytest.fixture
def laboratory(tmp_path):
    with Laboratory.opened(tmp_path) as opened:
        yield opened


def test_a_network_without_ipv4_forms_and_finds_its_addresses_and_spreads_transactions(laboratory):
    stun_servers = serve_stun(laboratory, laboratory.public_host("6", addresses=2))
    hosts = [laboratory.public_host("6") for _ in range(3)]
    config = {"network_address": {"resolvers": ["manual", "stun"], "stun_servers": stun_servers}}

    first = laboratory.node(hosts[0], config)
    others = [laboratory.node(host, config, [hosts[0].contact]) for host in hosts[1:]]
    wait_until_ready(first, *others)
    for node, host in zip(laboratory.nodes, hosts, strict=True):
        wait_until_linked(node, *(other for other in laboratory.nodes if other is not node))
        # No other resolver could have found it.
        wait_until_status(node, lambda status, host=host: status["external_address"] == host.contact, "find its address by STUN")

    for number, origin in enumerate(laboratory.nodes):
        spread(origin, b"over IPv6 only %d" % number, *laboratory.nodes)
    for peer in peers_of(first).values():
        assert peer["address"].startswith("[2a05:")


def test_a_node_with_ipv4_only_and_one_with_ipv6_only_exchange_transactions_through_those_that_have_both(laboratory):
    both = [laboratory.public_host() for _ in range(2)]
    only_4, only_6 = laboratory.public_host("4"), laboratory.public_host("6")
    middle = [laboratory.node(both[0]), laboratory.node(both[1], bootstrap=[both[0].contact])]
    node_4 = laboratory.node(only_4, bootstrap=[f"{both[0].v4[0]}:5001"])
    node_6 = laboratory.node(only_6, bootstrap=[f"[{both[1].v6[0]}]:5001"])
    wait_until_ready(*laboratory.nodes)
    for node in (node_4, node_6):
        wait_until_linked(node, *middle)

    spread(node_4, b"from IPv4", *laboratory.nodes)
    spread(node_6, b"from IPv6", *laboratory.nodes)

    assert linked_to(node_4) == linked_to(node_6) == {node.peer_id for node in middle}
    assert hops_of(node_6, b"from IPv4") == hops_of(node_4, b"from IPv6") == 2
    # They know of each other and cannot reach each other: that is no reason to forget.
    wait_until(lambda: node_6.peer_id in peers_of(node_4), 10, "the one with IPv4 to know the other")
    wait_until(lambda: node_4.peer_id in peers_of(node_6), 10, "the one with IPv6 to know the other")
