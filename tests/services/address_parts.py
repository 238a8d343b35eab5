"""What the tests of the own address share: sources that say what they are told, and links to made-up peers."""

from __future__ import annotations

from types import SimpleNamespace

from service_parts import NETWORK_ID, identity_of

from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services.address import AddressService
from sorcha_peer_core.services.address_sources import AddressSources
from sorcha_peer_core.services.own_record import OwnRecord
from sorcha_peer_core.services.supervisor import Supervisor
from sorcha_peer_core.testing.manual_clock import ManualClock

EVERYWHERE = Endpoint("grpc", "::", 5001)
HOME, GLOBAL, OTHER_GLOBAL = "192.168.1.5", "8.8.4.4", "9.9.9.9"


class Says:
    """A resolver."""

    def __init__(self, name: str, *hosts: str, error: Exception | None = None) -> None:
        self.name = name
        self.hosts = list(hosts)
        self.error = error
        self.asked = 0

    def resolve(self) -> list[str]:
        self.asked += 1
        if self.error:
            raise self.error
        return list(self.hosts)


class Tells(Says):
    """A resolver that found out more."""

    def findings(self) -> dict[str, str]:
        return {"nat_type": "full cone"}


class FakeLinks:
    """Peers by name; remembers what was sent to whom. ``look`` is for the test to say."""

    def __init__(self) -> None:
        self.peers: dict[str, SimpleNamespace] = {}
        self.sent: list[tuple[str, object]] = []
        self.told: list[object] = []
        self.looks: list[tuple[Endpoint, str]] = []
        self.failures: dict[Endpoint, Exception] = {}

    def link(self, peer_id: str, host: str = "7.7.7.7", *, outbound: bool = True) -> None:
        remote = Endpoint("grpc", host, 5001 if outbound else 40000)
        self.peers[peer_id] = SimpleNamespace(link=SimpleNamespace(remote=remote, outbound=outbound))

    def send(self, peer_id, message):
        if peer_id in self.peers:
            self.sent.append((peer_id, message))

    def broadcast(self, message, but=()):
        self.told.append(message)

    def look(self, endpoints, expected, *, ask=0, timeout_s):
        [endpoint] = endpoints
        self.looks.append((endpoint, expected))
        if endpoint in self.failures:
            raise self.failures[endpoint]


class World:
    """The address of one node, with everything around it made up."""

    def __init__(self, *sources: Says, prefers_ipv6: bool = False) -> None:
        self.clock = ManualClock()
        self.links = FakeLinks()
        self.events: list[object] = []
        self.supervisor = Supervisor()
        self.own = OwnRecord(identity_of(1), NETWORK_ID, "anna", "test/1", ())
        self.service = AddressService(
            AddressSources(sources),
            self.own,
            self.links,  # type: ignore[arg-type]  # as much of them as is needed
            self.supervisor,
            self.events.append,
            prefers_ipv6=prefers_ipv6,
            clock=self.clock,
        )

    @property
    def told(self) -> list[str]:
        """The hosts in the node's record."""
        return [endpoint.host for endpoint in self.own.record.endpoints]

    def stop(self) -> None:
        self.service.stop()
        self.supervisor.stop(0.5)
        assert self.supervisor.failed == []
