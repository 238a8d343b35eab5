"""Seeing that a registered client answers where it says it listens, before anything is fetched from there.

Whoever registers could name anybody. So only the address that the registration itself came from is ever dialled: a stranger
cannot make this node knock on the doors of third parties, nor on those of the network behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

from gevent.event import Event

from sorcha_peer_core.errors import TransportError
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services.registrations import Way

if TYPE_CHECKING:
    from gevent import Greenlet

    from sorcha_peer_core.interfaces.foreign import ForeignClient
    from sorcha_peer_core.services.registrations import Registration
    from sorcha_peer_core.services.supervisor import Supervisor

DIAL_BACK_S = 3.0
REST_S = 30.0
"""A client that did not answer is left alone for so long."""
_MOST_AT_ONCE = 16
_MOST_FAILURES = 3
_USUAL = "Grpc"
"""Of a client that names no protocol."""


class DialBack:
    """Finds the way to a registered client, and gives it up when fetching by it fails again and again."""

    def __init__(self, supervisor: Supervisor, clock: Callable[[], float] = time.monotonic) -> None:
        self._supervisor = supervisor
        self._clock = clock
        self._clients: dict[str, ForeignClient] = {}
        self._dialling: set[Greenlet[..., object]] = set()
        self._stopping = False

    def by(self, clients: Sequence[ForeignClient]) -> None:
        """Ask through these from now on; the first that knows a protocol has it."""
        for client in reversed(clients):
            self._clients |= dict.fromkeys(client.protocols, client)

    def way_to(self, registration: Registration) -> Way | None:
        """Where it answers. Dials it unless that is known, and then blocks for about ``DIAL_BACK_S``; None: nowhere."""
        self.begin(registration)
        if registration.dialling is not None:
            registration.dialling.wait(DIAL_BACK_S)
        return registration.way

    def begin(self, registration: Registration) -> None:
        """Dial it, unless that is going on, has been done, was in vain not long ago, or too much of it goes on already."""
        if registration.dialling is not None or registration.way is not None or self._clock() < registration.rests_until_s:
            return
        if self._stopping or len(self._dialling) >= _MOST_AT_ONCE:
            return
        registration.dialling = ended = Event()
        dialling = self._supervisor.spawn("dial-back", self._dial, registration)
        self._dialling.add(dialling)

        def over(dialled: Greenlet[..., object]) -> None:
            self._dialling.discard(dialled)
            registration.dialling = None
            ended.set()

        dialling.link(over)

    def stop(self) -> None:
        """Dial nobody more, and let go of those who wait for a dial-back."""
        self._stopping = True
        for dialling in self._dialling:
            dialling.kill(block=False)

    def fetched(self, registration: Registration) -> None:
        """A fetch by the way brought what it should."""
        registration.failures = 0

    def failed(self, registration: Registration) -> None:
        """A fetch by the way came to nothing."""
        registration.failures += 1
        if registration.failures >= _MOST_FAILURES:
            registration.failures = 0
            registration.way = None
            registration.rests_until_s = self._clock() + REST_S

    def _dial(self, registration: Registration) -> None:
        registration.way = self._first_that_answers(registration)
        if registration.way is None:
            registration.rests_until_s = self._clock() + REST_S

    def _first_that_answers(self, registration: Registration) -> Way | None:
        deadline_s = self._clock() + DIAL_BACK_S
        for way in self._ways(registration):
            left_s = deadline_s - self._clock()
            if left_s <= 0:
                break
            try:
                way.client.ping(way.endpoint, left_s)
            except TransportError:
                continue
            return way
        return None

    def _ways(self, registration: Registration) -> Iterator[Way]:
        host = dialled_host(registration.peer.address, registration.caller)
        found = [self._clients.get(protocol) for protocol in registration.peer.protocols or [_USUAL]]
        for client in dict.fromkeys(found):
            if client is not None and host:
                yield Way(client, Endpoint(client.scheme, host, registration.peer.port))


def dialled_host(registered: str, caller: str) -> str:
    """The host that may be dialled for a registration; empty when none may be.

    >>> dialled_host("192.0.2.1", "::ffff:192.0.2.1"), dialled_host("client.example", "192.0.2.1")
    ('192.0.2.1', '192.0.2.1')
    >>> dialled_host("127.0.0.1", "192.0.2.1")
    ''
    """
    came_from = _plain(caller)
    said = _plain(registered)
    if said and came_from and ip_address(said).is_loopback and ip_address(came_from).is_loopback:
        # Whoever is on this machine may call by one address of it and listen on another.
        return said
    # A name is not looked up: it is for whoever reads the list.
    return came_from if said in (None, came_from) and came_from else ""


def _plain(host: str) -> str | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return str(mapped or address)
