"""Nodes behind routers: their address, whether others can dial them, and transactions through those that can be dialled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from laboratory import GRPC_PORT, STUN_PORT, Home, Host, Laboratory
from laboratory_nat import Nat
from laboratory_nodes import (
    SOON_S,
    hops_of,
    linked_to,
    peers_of,
    spread,
    wait_until_linked,
    wait_until_ready,
    wait_until_status,
)
from laboratory_servers import (
    always,
    garbage,
    serve_http,
    serve_stun,
    serve_udp,
    slow_drip,
    stun_answer,
    ten_megabytes,
    wrong_id,
    your_address,
)

from sorcha_peer_core.cli.cluster import NodeProcess, wait_until

LIE = "5.66.6.6"
NO_HANG_S = 30.0


@pytest.fixture
def laboratory(tmp_path):
    with Laboratory.opened(tmp_path) as opened:
        yield opened


def asking(*, stun: Sequence[str] = (), http: Sequence[str] = ()) -> dict[str, Any]:
    """The configuration of a node that finds its address with the help of others."""
    sources = [*(["stun"] if stun else []), *(["http"] if http else [])]
    return {
        "network_address": {
            "resolvers": ["manual", "interface", *sources],
            "stun_servers": list(stun),
            "http_lookup_services": list(http),
        }
    }


def public_nodes(laboratory: Laboratory, count: int) -> tuple[list[Host], list[NodeProcess]]:
    """Nodes that everybody can dial; the first is everybody's bootstrap node."""
    hosts = [laboratory.public_host() for _ in range(count)]
    return hosts, [
        laboratory.node(host, bootstrap=[other.contact for other in hosts[:place]]) for place, host in enumerate(hosts)
    ]


def outside_of(home: Home) -> str:
    return f"{home.outside}:{GRPC_PORT}"


def is_public_at(home: Home):
    """Of a status: peers dialled back and got through."""
    return lambda status: (status["reachability"], status["external_address"]) == ("public", outside_of(home))


def findings_of(node: NodeProcess, source: str) -> dict[str, str]:
    return dict(node.status()["address_findings"].get(source, {}))


def told_by(node: NodeProcess) -> set[str]:
    """What its record says of where it is reached."""
    return {address["address"] for address in node.status()["addresses"] if address["told"]}


def test_nodes_behind_routers_find_out_how_they_are_reached_and_are_full_peers(laboratory):
    stun_servers = serve_stun(laboratory, laboratory.public_host("4", addresses=2))
    hosts, publics = public_nodes(laboratory, 3)
    cone_home, symmetric_home = laboratory.home(Nat.FULL_CONE), laboratory.home(Nat.SYMMETRIC)
    cone, symmetric = (
        laboratory.node(home.host(), asking(stun=stun_servers), [hosts[0].contact]) for home in (cone_home, symmetric_home)
    )
    wait_until_ready(*laboratory.nodes)

    # Full peers, by their own dials.
    for node in (cone, symmetric):
        wait_until_linked(node, *publics)
    # Whoever lets everybody in is dialled back and says where it is; whoever lets nobody in says nothing.
    wait_until_status(cone, is_public_at(cone_home), "be public")
    wait_until_status(symmetric, lambda status: status["reachability"] == "private", "be private")
    assert f"grpc://{outside_of(cone_home)}" in told_by(cone)
    assert not any(symmetric_home.outside in address for address in told_by(symmetric))
    assert symmetric_home.outside in findings_of(symmetric, "stun")["ipv4"]
    wait_until(lambda: findings_of(cone, "stun")["nat_type"].startswith("Full Cone NAT"), SOON_S, "the type of the one router")
    wait_until(lambda: findings_of(symmetric, "stun")["nat_type"].startswith("Symmetric NAT"), SOON_S, "that of the other")

    # Somebody new, whom nobody can dial, dials the one behind the full cone.
    newcomer = laboratory.node(laboratory.home(Nat.MASQUERADE).host(), bootstrap=[hosts[1].contact])
    wait_until_ready(newcomer)
    wait_until_linked(newcomer, cone, *publics)
    assert peers_of(newcomer)[cone.peer_id]["direction"] == "outbound"
    # Two that nobody can dial exchange transactions through those that can be dialled.
    spread(symmetric, b"from behind the symmetric router", newcomer)
    spread(newcomer, b"from behind the other", symmetric)
    assert newcomer.peer_id not in linked_to(symmetric)
    assert hops_of(newcomer, b"from behind the symmetric router") == hops_of(symmetric, b"from behind the other") == 2


def test_http_services_are_asked_when_no_stun_server_answers(laboratory):
    stun_host = laboratory.public_host("4", addresses=2)
    stun_servers = serve_stun(laboratory, stun_host)
    stun_host.drop("udp", STUN_PORT)
    services = [serve_http(laboratory, laboratory.public_host("4"), your_address) for _ in range(2)]
    # Two peers are too few to settle by what they see where this node is.
    hosts, _ = public_nodes(laboratory, 2)
    home = laboratory.home(Nat.FULL_CONE)

    node = laboratory.node(home.host(), asking(stun=stun_servers, http=services), [hosts[0].contact])
    wait_until_ready(*laboratory.nodes)

    wait_until_status(node, is_public_at(home), "be public")
    assert {address["source"] for address in node.status()["addresses"] if home.outside in address["address"]} == {"http"}
    assert "no answer" in findings_of(node, "stun")["refused"]


@pytest.mark.long
def test_hostile_servers_neither_hold_up_a_node_nor_tell_it_a_wrong_address(laboratory):
    stun_servers = [
        serve_udp(laboratory, laboratory.public_host("4"), answer)
        for answer in (wrong_id, garbage, stun_answer("192.168.66.6"), stun_answer(LIE))
    ]
    services = [
        serve_http(laboratory, laboratory.public_host("4"), body)
        for body in (ten_megabytes, slow_drip, always("10.66.6.6"), always("<html>5.66.6.6</html>"))
    ]
    hosts, publics = public_nodes(laboratory, 2)
    home = laboratory.home(Nat.FULL_CONE)
    wait_until_ready(*publics)

    node = laboratory.node(home.host(), asking(stun=stun_servers, http=services), [hosts[0].contact])
    node.wait_until_ready(NO_HANG_S)
    wait_until_linked(node, *publics, timeout_s=NO_HANG_S)
    wait_until(lambda: "refused" in findings_of(node, "http"), NO_HANG_S, "all servers to be asked")

    # Two peers alone cannot settle it either, so it has no address outside, and says none.
    assert node.status()["external_address"] == ""
    assert not [address for address in node.status()["addresses"] if "192.168.1." not in address["address"]]
    for source, servers in {"stun": stun_servers, "http": services}.items():
        refused = findings_of(node, source)["refused"]
        # The one that was not refused is alone with its lie.
        assert [server for server in servers if server not in refused] in ([], [stun_servers[-1]])
        log = node.log_text()
        assert all(server in log for server in servers)
    spread(node, b"none the worse for it", *publics)


@pytest.mark.long
def test_two_liars_of_three_who_say_the_same_are_not_believed(laboratory):
    liars = [serve_udp(laboratory, laboratory.public_host("4"), stun_answer(LIE)) for _ in range(2)]
    [honest] = serve_stun(laboratory, laboratory.public_host("4"))
    hosts, publics = public_nodes(laboratory, 3)
    home = laboratory.home(Nat.FULL_CONE)

    node = laboratory.node(home.host(), asking(stun=[*liars, honest]), [hosts[0].contact])
    wait_until_ready(*laboratory.nodes)
    wait_until_linked(node, *publics)
    wait_until_status(node, is_public_at(home), "be public where it is")

    assert not any(LIE in address for address in told_by(node))
    assert f"grpc://{outside_of(home)}" in told_by(node)
    for other in publics:
        assert LIE not in peers_of(other)[node.peer_id]["address"]


@pytest.mark.long
def test_a_node_whose_router_gets_another_address_finds_out_and_tells_others(laboratory):
    stun_servers = serve_stun(laboratory, laboratory.public_host("4", addresses=2))
    hosts, publics = public_nodes(laboratory, 3)
    home = laboratory.home(Nat.FULL_CONE)
    node = laboratory.node(home.host(), asking(stun=stun_servers), [hosts[0].contact])
    wait_until_ready(*laboratory.nodes)
    wait_until_linked(node, *publics)
    wait_until_status(node, is_public_at(home), "be public")
    before = outside_of(home)

    home.move()

    wait_until_status(node, is_public_at(home), "be public at its new address", 2 * SOON_S)
    assert node.status()["external_address"] != before
    wait_until(
        lambda: all(peers_of(other)[node.peer_id]["address"] == outside_of(home) for other in publics),
        SOON_S,
        "the others to know",
    )
    # Only a record with a higher number replaces one.
    wait_until_linked(node, *publics)
