"""What a node does to be found: the parts for it, put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from sorcha_peer_core.model.messages import DialBack
from sorcha_peer_core.services.address import INTERFACES_INTERVAL_S, RENEWAL_INTERVAL_S, SEARCH_INTERVAL_S, AddressService
from sorcha_peer_core.services.address_sources import AddressSources
from sorcha_peer_core.services.dial_back_answers import DialBackAnswers
from sorcha_peer_core.services.reachability import Reachability

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.address import AddressResolver
    from sorcha_peer_core.interfaces.transport import Transport
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.messages import DialledBack
    from sorcha_peer_core.model.peer import Endpoint
    from sorcha_peer_core.node.parts import Ground
    from sorcha_peer_core.services.links import Links
    from sorcha_peer_core.services.own_record import OwnRecord
    from sorcha_peer_core.services.schedule import Schedule


class OwnAddress(NamedTuple):
    """Where the node is, whether others reach it there, and the same favour for them."""

    service: AddressService
    reachability: Reachability
    for_others: DialBackAnswers

    def start(self, transports: Sequence[Transport], listening: Sequence[Endpoint], schedule: Schedule) -> None:
        """The transports listen; the record says so when this returns."""
        self.for_others.can_dial(scheme for transport in transports for scheme in transport.schemes)
        self.service.start(listening)
        schedule.every(INTERFACES_INTERVAL_S, "look at the interfaces", self.service.look_at_interfaces)
        schedule.every(SEARCH_INTERVAL_S, "search for the own address", self.service.search)
        schedule.every(RENEWAL_INTERVAL_S, "sign the own record anew", self.service.renew)
        self.reachability.start()

    def received(self, peer_id: PeerId, message: DialBack | DialledBack) -> None:
        """A peer asks for a dial-back, or answers one; does not block."""
        if isinstance(message, DialBack):
            self.for_others.asked(peer_id, message)
        else:
            self.reachability.received(peer_id, message)

    def stop(self) -> None:
        """Ask nobody any more."""
        self.service.stop()
        self.reachability.stop()


def own_address(ground: Ground, resolvers: Sequence[AddressResolver], own: OwnRecord, links: Links) -> OwnAddress:
    """Build them, and have them hear of what happens."""
    events, supervisor = ground.events, ground.supervisor
    prefers_ipv6 = ground.config.network_address.preferred_protocol == "ipv6"
    service = AddressService(AddressSources(resolvers), own, links, supervisor, events.emit, prefers_ipv6=prefers_ipv6)
    reachability = Reachability(service, links, supervisor, events.emit, ground.rng, stretch=lambda: ground.pace.stretch)
    events.subscribe(service.happened)
    events.subscribe(reachability.happened)
    links.on_observed = service.observed
    return OwnAddress(service, reachability, DialBackAnswers(links, supervisor))
