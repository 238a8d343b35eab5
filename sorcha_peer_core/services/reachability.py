"""Whether others reach this node: asks linked peers to dial it back, and again now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from math import inf
from random import Random
from typing import TYPE_CHECKING

from gevent.event import Event as Signal

from sorcha_peer_core.model.events import PeerLinked, ReachabilityChanged
from sorcha_peer_core.model.hosts import Scope, scope_of
from sorcha_peer_core.model.messages import DialBack
from sorcha_peer_core.protocol.peer_groups import group_of
from sorcha_peer_core.protocol.reachability import PRIVATE, REACHED, UNKNOWN, Check, Witness, ask_whom
from sorcha_peer_core.services.names import addresses_of

if TYPE_CHECKING:
    from gevent import Greenlet

    from sorcha_peer_core.model.events import Event
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.messages import DialledBack
    from sorcha_peer_core.model.peer import Endpoint
    from sorcha_peer_core.services.address import AddressService
    from sorcha_peer_core.services.links import Links
    from sorcha_peer_core.services.supervisor import Supervisor

FIRST_S = (5.0, 10.0)
"""After a link came up: by then others have, too. Later on a machine that has too much to do: this can wait."""
AGAIN_S = 15 * 60.0
AFTER_FAILURE_S = 90.0
"""The next failure in a row waits twice as long, until it is as long as after a success."""
REST_S = 30.0
"""After a check, before a newcomer is asked what the others could not say."""
ANSWERS_S = 30.0
"""A peer dials eight endpoints one after the other, three seconds each, and may have others to dial first."""
_JITTER = 0.1


class Reachability:
    """Has the candidates of the node's address checked, and knows what came of it."""

    def __init__(
        self,
        addresses: AddressService,
        links: Links,
        supervisor: Supervisor,
        emit: Callable[[Event], None],
        rng: Random,
        clock: Callable[[], float] = time.monotonic,
        stretch: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self._addresses = addresses
        self._links = links
        self._supervisor = supervisor
        self._emit = emit
        self._rng = rng
        self._clock = clock
        self._stretch = stretch
        """By how much this machine is slower than it should be."""
        self._check: Check | None = None
        self._answered = Signal()
        self._due_s = inf
        self._rescheduled = Signal()
        self._asked_last: Collection[PeerId] = ()
        self._failures = 0
        self._checked_s = -inf
        self._checking: Greenlet[..., object] | None = None
        self.state = UNKNOWN
        """unknown | public | local | private"""
        self.checks = 0
        addresses.on_candidates = self._candidates_changed

    def start(self) -> None:
        """Begin to ask, once somebody is linked."""
        self._checking = self._supervisor.spawn("reachability", self._run)

    def stop(self) -> None:
        """Ask no more."""
        if self._checking is not None:
            self._checking.kill(block=False)

    def happened(self, event: Event) -> None:
        """An event sink: somebody who linked can be asked."""
        if isinstance(event, PeerLinked) and (self._due_s == inf or self.state == UNKNOWN):
            rest_s = self._checked_s + REST_S - self._clock()
            self._schedule(max(rest_s, self._rng.uniform(*FIRST_S) * self._stretch()))

    def received(self, peer_id: PeerId, answer: DialledBack) -> None:
        """A peer dialled back, or did not; does not block."""
        if self._check is not None and self._check.answered(peer_id, answer) and self._check.is_complete:
            self._answered.set()

    def _candidates_changed(self) -> None:
        self._note_state("this node may be reached elsewhere now")
        self._failures = 0
        if self._links.peers:
            self._schedule(0.0)

    def _schedule(self, pause_s: float) -> None:
        self._due_s = min(self._due_s, self._clock() + pause_s)
        self._rescheduled.set()

    def _run(self) -> None:
        while True:
            pause_s = self._due_s - self._clock()
            if pause_s > 0:
                self._rescheduled.clear()
                self._rescheduled.wait(None if pause_s == inf else pause_s)
                continue
            self._due_s = inf
            if self._links.peers:
                self._check_all()

    def _check_all(self) -> None:
        questions = {candidate.endpoint: _dialled_as(candidate.endpoint) for candidate in self._addresses.candidates}
        if not questions:
            return
        check = self._ask(endpoint for asked in questions.values() for endpoint in asked)
        verdicts = {endpoint: check.verdict(asked) for endpoint, asked in questions.items()}
        self._checked_s = now = self._clock()
        for endpoint, verdict in verdicts.items():
            self._addresses.proofs.checked(endpoint, verdict, now)
        self._addresses.checked()
        reached = sum(verdict.scope is not None for verdict in verdicts.values())
        failed = sum(verdict.scope is None and bool(verdict.failed) for verdict in verdicts.values())
        self._note_state(f"peers asked to dial back: {len(check.asked)}; endpoints reached: {reached}, not reached: {failed}")
        self._plan_next(reached > 0 and not failed)

    def _ask(self, endpoints: Iterable[Endpoint]) -> Check:
        """Ask, and wait for the answers."""
        asked = ask_whom(endpoints, self._witnesses(), self._asked_last, self._rng)
        self._check = check = Check(self._rng.getrandbits(64), asked)
        self._answered.clear()
        for peer_id, of_peer in asked.items():
            self._links.send(peer_id, DialBack(check.nonce, of_peer))
        if asked:
            self.checks += 1
            self._answered.wait(ANSWERS_S)
        self._check, self._asked_last = None, asked.keys()
        return check

    def _witnesses(self) -> list[Witness]:
        return [
            Witness(peer_id, group_of(peer.link.remote.host), peer.link.outbound, self._addresses.seen_by(peer_id))
            for peer_id, peer in self._links.peers.items()
        ]

    def _plan_next(self, is_fine: bool) -> None:
        self._failures = 0 if is_fine else self._failures + 1
        pause_s = AGAIN_S if is_fine else min(AGAIN_S, AFTER_FAILURE_S * 2.0 ** min(self._failures - 1, 16))
        self._schedule(pause_s * self._rng.uniform(1 - _JITTER, 1 + _JITTER))

    def _note_state(self, cause: str) -> None:
        state = self._addresses.proofs.reachability
        if state == self.state:
            return
        self.state = state
        if state == PRIVATE:
            cause += f"; {self._why_not()}"
        self._emit(ReachabilityChanged(state, cause))

    def _why_not(self) -> str:
        views = self._addresses.views()
        return next((f"{view.address}: {view.reason}" for view in views if view.reason and view.state != REACHED), "")


def _dialled_as(endpoint: Endpoint) -> tuple[Endpoint, ...]:
    """Peers see addresses, not names: what a name stands for now, or the name itself when that is not known."""
    if scope_of(endpoint.host) is not Scope.NAME:
        return (endpoint,)
    hosts = addresses_of(endpoint.host) or (endpoint.host,)
    return tuple(endpoint._replace(host=host) for host in hosts)
