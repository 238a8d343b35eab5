"""What the resolvers found out, for the pages of a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sorcha_nat_stun.findings_measured import RESOLVERS
from sorcha_peer_core.interfaces.panels import Page, Panel

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.views import NodeStatus

_TITLES = {"stun": "Public address, by STUN", "http": "Public address, by HTTP services"}
_SERVERS = {"stun": "stun_servers", "http": "http_lookup_services"}
_NO_NEWS = {"asked", "not_asked"}
_WORDS = {
    "nat_type": "NAT",
    "port_mapping": "Ports",
    "ipv4": "IPv4",
    "ipv6": "IPv6",
    "asked": "Asked",
    "not_asked": "Not asked",
    "refused": "Refused",
    "unprotected": "Unprotected",
    "error": "Problem",
}
_MEANING = (
    "Peers reach a node behind a NAT when its port is forwarded, or when it dials them. Where every server sees the same "
    "port, others can get through to a mapping that is open; behind a symmetric NAT they cannot, and this node has to dial. "
    "Whether peers do get through is among the addresses on the overview."
)


def panels(node: NodeApi) -> list[Panel]:
    """A box for each resolver that found something out: an address, or why there is none."""
    findings = node.status().address_findings
    return [Panel(_TITLES[name], facts=_facts(findings[name])) for name in RESOLVERS if set(findings.get(name, ())) - _NO_NEWS]


def pages(node: NodeApi) -> list[Page]:
    """One page, when a resolver is chosen and has somebody to ask."""
    settings = node.settings("network_address")
    chosen = [name for name in RESOLVERS if name in settings.get("resolvers", ()) and settings.get(_SERVERS[name])]
    return [Page("nat", "NAT", lambda: _page(node))] if chosen else []


def _page(node: NodeApi) -> Sequence[Panel]:
    found = _addresses(node.status())
    return [
        *panels(node),
        Panel("Addresses they found", columns=("Address", "Says who", "State", "Why"), rows=found),
        Panel("What it means", _MEANING),
    ]


def _addresses(status: NodeStatus) -> list[tuple[str, str, str, str]]:
    return [(view.address, view.source, view.state, view.reason) for view in status.addresses if view.source in RESOLVERS]


def _facts(findings: Mapping[str, str]) -> list[tuple[str, object]]:
    known = [key for key in _WORDS if findings.get(key)]
    return [(_WORDS.get(key, key), findings[key]) for key in (*known, *(key for key in findings if key not in _WORDS))]
