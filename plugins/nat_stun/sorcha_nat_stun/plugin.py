"""What this distribution offers; pystun3 and requests are imported only when a node builds a resolver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.hookspecs import Offer, hookimpl

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.address import AddressResolver
    from sorcha_peer_core.interfaces.monitoring import MetricSource
    from sorcha_peer_core.interfaces.panels import Page, Panel
    from sorcha_peer_core.interfaces.service import NodeApi


@hookimpl
def peer_address_resolvers() -> Sequence[Offer[AddressResolver]]:
    """The address as STUN servers see it, and as HTTP services see it."""
    return [
        Offer("stun", _build_stun, "the public address, asked of network_address.stun_servers"),
        Offer("http", _build_http, "the public address, asked of network_address.http_lookup_services"),
    ]


@hookimpl
def peer_metrics(node: NodeApi) -> Sequence[MetricSource]:
    """What the resolvers found out; of one that is not configured, nothing."""
    from sorcha_nat_stun.findings_measured import FindingsMeasured

    return [FindingsMeasured(node)]


@hookimpl(optionalhook=True)
def peer_admin_panels(node: NodeApi) -> Sequence[Panel]:
    """The same, on the overview of the pages."""
    from sorcha_nat_stun.findings_shown import panels

    return panels(node)


@hookimpl(optionalhook=True)
def peer_admin_pages(node: NodeApi) -> Sequence[Page]:
    """More of it, on a page of its own."""
    from sorcha_nat_stun.findings_shown import pages

    return pages(node)


def _build_stun(settings: Mapping[str, Any]) -> AddressResolver:
    from sorcha_nat_stun.settings import read_stun_settings
    from sorcha_nat_stun.stun_resolver import StunResolver

    return StunResolver(read_stun_settings(settings))


def _build_http(settings: Mapping[str, Any]) -> AddressResolver:
    from sorcha_nat_stun.http_resolver import HttpResolver
    from sorcha_nat_stun.settings import read_http_settings

    return HttpResolver(read_http_settings(settings))
