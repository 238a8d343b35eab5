"""Down the ladder when a transport fails, and up again when a better one works."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import NotOffered, PeerError, PeerUnreachable, TransportError
from sorcha_peer_core.model import events as e
from sorcha_peer_core.protocol.breaker import BreakerConfig
from sorcha_peer_core.protocol.ladder import Ladder
from sorcha_peer_core.services.session import HandshakeRefused

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import Transport
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import Endpoint, RungView
    from sorcha_peer_core.services.events import EventBus
    from sorcha_peer_core.services.peer_link import PeerLink

Call = Callable[["Transport", "Endpoint", "PeerId | None", int], "PeerId"]
"""Open a link over one transport to one endpoint and shake hands; the number is the rung."""

_MOST_LADDERS = 4096


class Dialling:
    """The ladder of every peer, and the dialling along it.

    A rung is blamed only when a lower one reaches the peer: a peer that is down says nothing about its transports.
    """

    def __init__(
        self,
        transports: Sequence[Transport],
        breaker: BreakerConfig,
        call: Call,
        events: EventBus,
        *,
        timeout_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transports = {transport.name: transport for transport in transports}
        self._rungs = {name: rung for rung, name in enumerate(self._transports)}
        self._breaker = breaker
        self._call = call
        self._events = events
        self._timeout_s = timeout_s
        self._clock = clock
        self._ladders: dict[PeerId, Ladder] = {}
        self.errors: Counter[tuple[str, str]] = Counter()
        """Dials that failed, by transport and kind of error."""

    def dial(self, endpoints: Sequence[Endpoint], expected: PeerId | None) -> PeerId:
        """Link to whoever answers at one of ``endpoints``, by the best transport that works; blocks.

        Raises:
            HandshakeRefused: somebody answers, but not who is expected, or one side does not want the link.
            TransportError: nobody could be reached; the reason of the last attempt.
        """
        ladder = self._ladder(expected)
        return self._descend(ladder.order(self._clock()), endpoints, expected)

    def climb(self, peer: PeerLink) -> bool:
        """Try the transports above the one in use; True when one of them took over. Blocks."""
        names = self._ladder(peer.peer_id).above(peer.link.transport, self._clock())
        try:
            self._descend(names, peer.record.endpoints, peer.peer_id)
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

    def _descend(self, names: Sequence[str], endpoints: Sequence[Endpoint], expected: PeerId | None) -> PeerId:
        failure: PeerError = PeerUnreachable("no transport of this node can dial its addresses now")
        failed: dict[str, list[TransportError]] = {}
        refused: set[Endpoint] = set()
        give_up_at = self._clock() + self._timeout_s
        for transport, endpoint in self._attempts(names, endpoints):
            if endpoint in refused:
                continue
            if self._clock() >= give_up_at:
                break
            try:
                peer_id = self._call(transport, endpoint, expected, self._rungs[transport.name])
            except TransportError as error:
                failure = error
                failed.setdefault(transport.name, []).append(error)
                self._note(transport, endpoint, error)
            except HandshakeRefused as error:
                # Somebody else may live at a private address of its; the other addresses may still be right.
                failure = error
                refused.add(endpoint)
            else:
                self._worked(peer_id, transport.name, failed)
                return peer_id
        raise failure

    def _attempts(self, names: Sequence[str], endpoints: Sequence[Endpoint]) -> list[tuple[Transport, Endpoint]]:
        transports = [self._transports[name] for name in names]
        return [
            (transport, endpoint) for transport in transports for endpoint in endpoints if endpoint.scheme in transport.schemes
        ]

    def _note(self, transport: Transport, endpoint: Endpoint, error: TransportError) -> None:
        self.errors[transport.name, type(error).__name__] += 1
        self._events.emit(e.DialFailed(str(endpoint), transport.name, str(error)))

    def _worked(self, peer_id: PeerId, name: str, failed: Mapping[str, Sequence[TransportError]]) -> None:
        ladder = self._ladder(peer_id)
        now = self._clock()
        for other, errors in failed.items():
            if other != name:
                # Once for a dial, however many addresses were tried; one of them may be a stranger's, who offers less.
                offered = not all(isinstance(error, NotOffered) for error in errors)
                ladder.failed(other, str(errors[-1]), now, offered=offered)
        ladder.succeeded(name)
