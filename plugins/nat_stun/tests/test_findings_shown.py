"""What the pages of a node show of the findings."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sorcha_nat_stun import plugin
from sorcha_peer_core.interfaces.views import AddressView


def node(findings, addresses=(), resolvers=("manual", "stun"), servers=("stun.example:3478",)):
    """As much of a node as is asked."""
    status = SimpleNamespace(address_findings=findings, addresses=addresses)
    return SimpleNamespace(status=lambda: status, settings=lambda section: {"resolvers": resolvers, "stun_servers": servers})


def test_the_overview_shows_what_each_resolver_found_in_words():
    findings = {"manual": {}, "stun": {"asked": "stun.example:3478", "nat_type": "Full Cone NAT", "new": "thing"}, "http": {}}

    [panel] = plugin.peer_admin_panels(node=node(findings))

    assert panel.title == "Public address, by STUN"
    assert panel.facts == [("NAT", "Full Cone NAT"), ("Asked", "stun.example:3478"), ("new", "thing")]


@pytest.mark.parametrize(
    "findings", [{}, {"stun": {"asked": "nobody: network_address.stun_servers is empty", "not_asked": "no need"}}]
)
def test_without_findings_there_is_no_box(findings):
    assert plugin.peer_admin_panels(node=node(findings)) == []


def test_the_page_has_the_addresses_that_the_resolvers_found_and_no_other():
    found = [
        AddressView("grpc://192.0.2.7:5001", "stun", "not reached", 8.5, False, "no answer"),
        AddressView("grpc://10.0.0.7:5001", "interface", "reached", 8.5, True),
    ]

    [page] = plugin.peer_admin_pages(node=node({"stun": {"ipv4": "192.0.2.7"}}, found))
    box, addresses, meaning = page.build()

    assert (page.name, box.facts) == ("nat", [("IPv4", "192.0.2.7")])
    assert addresses.rows == [("grpc://192.0.2.7:5001", "stun", "not reached", "no answer")]
    assert "symmetric" in meaning.text


@pytest.mark.parametrize(
    ("resolvers", "servers"), [((), ("a:1",)), (("manual", "interface"), ("a:1",)), (("stun",), ()), (("http",), ("a:1",))]
)
def test_where_neither_resolver_has_somebody_to_ask_there_is_no_page(resolvers, servers):
    assert plugin.peer_admin_pages(node=node({}, resolvers=resolvers, servers=servers)) == []
