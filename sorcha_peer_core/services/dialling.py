"""Down the ladder when a transport fails, and up again when a better one works."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from sorcha_peer_core.errors import NotOffered, PeerError, PeerUnreachable, TransportError
from sorcha_peer_core.model import events as e
from sorcha_peer_core.protocol.breaker import BreakerConfig
from sorcha_peer_core.protocol.ladder import Ladder
from sorcha_peer_core.services.endpoint_choice import in_dialling_order
from sorcha_peer_core.services.session import EnoughLinks, HandshakeRefused

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import Transport
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import Endpoint, RungView
    from sorcha_peer_core.services.events import EventBus
    from sorcha_peer_core.services.peer_link import PeerLink

T = TypeVar("T")
Call = Callable[["Transport", "Endpoint", "PeerId | None", int, float], T]
"""Reach somebody over one transport at one endpoint; the numbers are the rung and how many seconds it may take."""
_Failures = dict[str, list[TransportError]]
_MOST_LADDERS = 4096


class Dialling:
    """The ladder of every peer, and the dialling along it.

    A rung is blamed only when a lower one reaches the peer: a peer that is down says nothing about its transports.
    """

    def __init__(
        self,
        transports: Sequence[Transport],
        breaker: BreakerConfig,
        call: Call[PeerId],
        events: EventBus,
        *,
        timeout_s: float = 30.0,
        own_hosts: Callable[[], Iterable[str]] = tuple,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transports = {transport.name: transport for transport in transports}
        self._rungs = {name: rung for rung, name in enumerate(self._transports)}
        self._breaker = breaker
        self._call = call
        self._events = events
        self._timeout_s = timeout_s
        self._own_hosts = own_hosts
        self._clock = clock
        self._ladders: dict[PeerId, Ladder] = {}
        self.errors: Counter[tuple[str, str]] = Counter()
        """Dials and looks that failed, by transport and kind of error."""

    def dial(self, endpoints: Sequence[Endpoint], expected: PeerId | None, timeout_s: float | None = None) -> PeerId:
        """Link to whoever answers at one of ``endpoints``, by the best transport that works; blocks.

        Raises:
            EnoughLinks: the right one answers, and has no room for a link.
            HandshakeRefused: somebody answers, but not who is expected, or one side does not want the link.
            TransportError: nobody could be reached; the reason of the last attempt.
        """
        names = self._ladder(expected).order(self._clock())
        return self._link(names, endpoints, expected, self._timeout_s if timeout_s is None else timeout_s)

    def look(self, endpoints: Sequence[Endpoint], expected: PeerId | None, call: Call[T], timeout_s: float) -> T:
        """Have a look along the ladder with ``call``; blocks. Raises HandshakeRefused, TransportError.

        The ladder does not learn from it: a look may have less time than a dial, and nobody depends on it.
        """
        ladder = self._ladders.get(expected) if expected is not None else None
        names = (ladder or self._ladder(None)).order(self._clock())
        _, found = self._descend(names, endpoints, expected, call, timeout_s, {})
        return found

    def climb(self, peer: PeerLink) -> bool:
        """Try the transports above the one in use; True when one of them took over. Blocks."""
        names = self._ladder(peer.peer_id).above(peer.link.transport, self._clock())
        try:
            self._link(names, peer.record.endpoints, peer.peer_id, self._timeout_s)
        except (TransportError, HandshakeRefused):
            return False
        return True

    def fell_silent(self, peer: PeerLink, reason: str) -> None:
        """A link that was up got no answers any more: what shares its address is passed over at the next dial."""
        now = self._clock()
        used = self._transports.get(peer.link.transport)
        for name, transport in self._transports.items():
            if used is not None and set(transport.schemes) & set(used.schemes):
                self._ladder(peer.peer_id).failed(name, reason, now)

    def is_best(self, peer: PeerLink) -> bool:
        """Whether there is nothing above the transport in use that the peer listens on."""
        schemes = {endpoint.scheme for endpoint in peer.record.endpoints}
        above = self._ladder(peer.peer_id).above(peer.link.transport, self._clock())
        return not any(schemes & set(self._transports[name].schemes) for name in above)

    def rungs(self, peer_id: PeerId) -> Sequence[RungView]:
        """What is known of each transport of a peer."""
        ladder = self._ladders.get(peer_id) or self._ladder(None)
        return ladder.view(self._clock())

    def _ladder(self, peer_id: PeerId | None) -> Ladder:
        if peer_id is None:
            return Ladder(list(self._transports), self._breaker)
        if peer_id not in self._ladders:
            if len(self._ladders) >= _MOST_LADDERS:
                # The oldest: what it forgets is learnt again with the next dial.
                del self._ladders[next(iter(self._ladders))]
            self._ladders[peer_id] = Ladder(list(self._transports), self._breaker)
        return self._ladders[peer_id]

    def _link(self, names: Sequence[str], endpoints: Sequence[Endpoint], expected: PeerId | None, timeout_s: float) -> PeerId:
        failed: _Failures = {}
        name, found = self._descend(names, endpoints, expected, self._link_call, timeout_s, failed)
        if isinstance(found, EnoughLinks):
            self._worked(found.record.peer_id, name, failed)
            raise found
        self._worked(found, name, failed)
        return found

    def _link_call(
        self, transport: Transport, endpoint: Endpoint, expected: PeerId | None, rung: int, share_s: float
    ) -> PeerId | EnoughLinks:
        try:
            return self._call(transport, endpoint, expected, rung, share_s)
        except EnoughLinks as enough:
            # This way leads to the peer: no other one leads further.
            return enough
        except TransportError as error:
            self._events.emit(e.DialFailed(str(endpoint), transport.name, str(error)))
            raise

    def _descend(
        self,
        names: Sequence[str],
        endpoints: Sequence[Endpoint],
        expected: PeerId | None,
        call: Call[T],
        timeout_s: float,
        failed: _Failures,
    ) -> tuple[str, T]:
        """Try one transport after the other; returns which one led to an answer. What failed before it is in ``failed``."""
        failure: PeerError = PeerUnreachable("no transport of this node can dial its addresses now")
        refused: set[Endpoint] = set()
        give_up_at = self._clock() + timeout_s
        ways = self._ways(names, endpoints)
        for place, (transport, addresses) in enumerate(ways):
            began_at = self._clock()
            # Many addresses that do not answer must not cost the transports below all of the time.
            next_at = began_at + (give_up_at - began_at) / (len(ways) - place)
            for endpoint in addresses:
                left_s = next_at - self._clock()
                if left_s <= 0 or endpoint in refused:
                    continue
                try:
                    return transport.name, call(transport, endpoint, expected, self._rungs[transport.name], left_s)
                except TransportError as error:
                    failure = error
                    failed.setdefault(transport.name, []).append(error)
                    self.errors[transport.name, type(error).__name__] += 1
                except HandshakeRefused as error:
                    # Somebody else may live at a private address of its; the other addresses may still be right.
                    failure = error
                    refused.add(endpoint)
        raise failure

    def _ways(self, names: Sequence[str], endpoints: Sequence[Endpoint]) -> list[tuple[Transport, list[Endpoint]]]:
        """The transports that lead to the peer, and where each of them dials."""
        ordered = in_dialling_order(endpoints, self._own_hosts)
        ways = []
        for transport in (self._transports[name] for name in names):
            addresses = [endpoint for endpoint in ordered if endpoint.scheme in transport.schemes]
            if addresses:
                ways.append((transport, addresses))
        return ways

    def _worked(self, peer_id: PeerId, name: str, failed: Mapping[str, Sequence[TransportError]]) -> None:
        ladder = self._ladder(peer_id)
        now = self._clock()
        for other, errors in failed.items():
            if other != name:
                # Once for a dial, however many addresses were tried; one of them may be a stranger's, who offers less.
                offered = not all(isinstance(error, NotOffered) for error in errors)
                ladder.failed(other, str(errors[-1]), now, offered=offered)
        ladder.succeeded(name)
