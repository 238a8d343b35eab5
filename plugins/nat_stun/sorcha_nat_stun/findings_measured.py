"""What the resolvers found out, as metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sorcha_peer_core.interfaces.monitoring import Metric

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi

RESOLVERS = ("stun", "http")


class FindingsMeasured:
    """Reads the findings that the node shows in its status: a node asks no server for the sake of a metric."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def __call__(self) -> Iterator[Metric]:
        status = self._node.status()
        for resolver in RESOLVERS:
            findings = status.address_findings.get(resolver)
            if findings is None:
                continue
            found = sum(view.source == resolver for view in status.addresses)
            yield Metric("addresses", "gauge", "Addresses that a resolver found.", found, {"resolver": resolver})
            failing = bool(findings.get("error") or findings.get("refused"))
            yield Metric(
                "failing", "gauge", "1 while somebody it asks does not answer, or not well.", failing, {"resolver": resolver}
            )
        nat_type = status.address_findings.get("stun", {}).get("nat_type")
        if nat_type:
            yield Metric("nat_type", "gauge", "The kind of NAT that STUN servers see; always 1.", 1, {"nat_type": nat_type})
