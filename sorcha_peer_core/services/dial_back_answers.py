"""Dialling back peers that ask for it: at addresses where this node sees them, and nowhere else."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import TransportError
from sorcha_peer_core.model.hosts import Scope, is_loopback, plain_host, scope_of
from sorcha_peer_core.model.ids import short
from sorcha_peer_core.model.messages import DialBack, DialledBack
from sorcha_peer_core.protocol.reachability import DialBackQuota, objection
from sorcha_peer_core.services.names import addresses_of
from sorcha_peer_core.services.session import HandshakeRefused

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import Link
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import Endpoint
    from sorcha_peer_core.services.links import Links
    from sorcha_peer_core.services.supervisor import Supervisor

log = logging.getLogger(__name__)

LOOK_S = 3.0
MOST_AT_ONCE = 4
_BUSY = "this node dials back for others now"
_TOO_OFTEN = "this node has dialled back often enough for a minute"


class DialBackAnswers:
    """Answers requests to dial back, a few at a time, one endpoint of each after the other."""

    def __init__(self, links: Links, supervisor: Supervisor, clock: Callable[[], float] = time.monotonic) -> None:
        self._links = links
        self._supervisor = supervisor
        self._clock = clock
        self._quota = DialBackQuota()
        self._at_work: set[PeerId] = set()
        self._schemes: frozenset[str] = frozenset()
        self.answers = Counter(reached=0, unreached=0, refused=0)
        """Endpoints, by what became of them."""

    def can_dial(self, schemes: Iterable[str]) -> None:
        """This node dials endpoints of these schemes."""
        self._schemes = frozenset(schemes)

    def asked(self, peer_id: PeerId, request: DialBack) -> None:
        """A linked peer wants to be dialled; does not block."""
        if peer_id in self._at_work or len(self._at_work) >= MOST_AT_ONCE:
            for endpoint in request.endpoints:
                self._refuse(peer_id, request.nonce, endpoint, _BUSY)
            return
        self._at_work.add(peer_id)
        self._supervisor.spawn(f"dial-back for {short(peer_id)}", self._answer, peer_id, request)

    def _answer(self, peer_id: PeerId, request: DialBack) -> None:
        try:
            peer = self._links.peers.get(peer_id)
            seen_at = _hosts_of(peer.link) if peer else ()
            for endpoint in request.endpoints:
                self._answer_one(peer_id, request.nonce, endpoint, seen_at)
        finally:
            self._at_work.discard(peer_id)

    def _answer_one(self, peer_id: PeerId, nonce: int, endpoint: Endpoint, seen_at: Collection[str]) -> None:
        refusal = objection(endpoint, seen_at)
        if not refusal and endpoint.scheme not in self._schemes:
            refusal = f"this node does not dial {endpoint.scheme}://"
        if not refusal and not self._quota.grant(peer_id, self._clock()):
            refusal = _TOO_OFTEN
        if refusal:
            self._refuse(peer_id, nonce, endpoint, refusal)
            return
        reason = self._look(peer_id, endpoint)
        self.answers["unreached" if reason else "reached"] += 1
        self._links.send(peer_id, DialledBack(nonce, endpoint, not reason, reason))

    def _look(self, peer_id: PeerId, endpoint: Endpoint) -> str:
        """Why the peer does not answer there; empty when it does."""
        try:
            self._links.look([endpoint], expected=peer_id, timeout_s=LOOK_S)
        except (TransportError, HandshakeRefused) as error:
            log.debug("peer %s was not reached at %s: %s", short(peer_id), endpoint, error, extra={"peer_id": peer_id})
            # What listens on this machine is nobody's business: the peer may be a stranger behind a relay on it.
            return "it was not reached there" if is_loopback(endpoint.host) else str(error) or type(error).__name__
        return ""

    def _refuse(self, peer_id: PeerId, nonce: int, endpoint: Endpoint, reason: str) -> None:
        self.answers["refused"] += 1
        self._links.send(peer_id, DialledBack(nonce, endpoint, reached=False, reason=reason, refused=True))


def _hosts_of(link: Link) -> Collection[str]:
    """Where this node sees the other side: the address it came from; or the name that was dialled, and what that stands for."""
    host = plain_host(link.remote.host)
    if scope_of(host) is Scope.NAME:
        # Whoever came by way of somebody in between is seen nowhere.
        return {host, *addresses_of(host)} if link.outbound else ()
    return (host,) if host else ()
