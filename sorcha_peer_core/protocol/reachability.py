"""What peers found who dialled this node back, whom to ask for it, and whom to do that favour."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sorcha_peer_core.model.hosts import Scope, plain_host, scope_of

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.messages import DialledBack
    from sorcha_peer_core.model.peer import Endpoint

UNKNOWN = "unknown"
"""Nobody has dialled back yet."""
PUBLIC = "public"
"""A peer got through to a global address."""
LOCAL = "local"
"""A peer got through, but only to an address of this machine or of its private network."""
PRIVATE = "private"
"""Peers tried, and none got through: this node can only dial."""

REACHED = "reached"
UNREACHED = "not reached"
UNPROVED = "unproved"

PEERS_ASKED = 2
"""For each address. Also the number of peers that have to fail before an address counts as not reached."""
MOST_PER_REQUEST = 8
_WINDOW_S = 60.0
_PER_PEER = 12
_IN_ALL = 60
_LEAST_PORT = 1024
_WEB_PORTS = (80, 443)


@dataclass(slots=True)
class Proof:
    """What is known of one endpoint."""

    state: str
    since_s: float
    """Monotonic; when a peer confirmed it last."""
    scope: Scope = Scope.NOWHERE
    reason: str = ""
    """Why the last peer that failed did."""
    failed: set[PeerId] = field(default_factory=set)
    """Who failed since anybody got through."""


class Verdict(NamedTuple):
    """What came of one check of one endpoint."""

    scope: Scope | None
    """Of the address to which a peer got through; None when none did."""
    failed: Mapping[PeerId, str]
    """Who did not get through, and why."""
    able: int
    """How many could have said something: who sees this node elsewhere, or has no time for it, cannot."""


class Proofs:
    """The endpoints of this node and what became of dialling them back. Time is given (monotonic seconds), never read."""

    def __init__(self) -> None:
        self._proofs: dict[Endpoint, Proof] = {}

    def keep(self, endpoints: Iterable[Endpoint], now: float) -> None:
        """These are of interest; what was found out about others is forgotten."""
        self._proofs = {endpoint: self._proofs.get(endpoint) or Proof(UNPROVED, now) for endpoint in endpoints}

    def checked(self, endpoint: Endpoint, verdict: Verdict, now: float) -> None:
        """Peers have been asked to dial it."""
        proof = self._proofs.get(endpoint)
        if proof is None:
            return
        if verdict.scope is not None:
            self._proofs[endpoint] = Proof(REACHED, now, verdict.scope)
            return
        proof.failed |= verdict.failed.keys()
        proof.reason = next(iter(verdict.failed.values()), proof.reason)
        if verdict.failed and len(proof.failed) >= min(PEERS_ASKED, verdict.able):
            proof.state, proof.since_s = UNREACHED, now

    def is_reached(self, endpoint: Endpoint) -> bool:
        """Whether a peer got through, and not too many failed since."""
        proof = self._proofs.get(endpoint)
        return proof is not None and proof.state == REACHED

    def is_unreached(self, endpoint: Endpoint) -> bool:
        """Whether several peers failed, and none got through since; one alone, whoever it is, keeps nothing back."""
        proof = self._proofs.get(endpoint)
        return proof is not None and proof.state == UNREACHED and len(proof.failed) >= PEERS_ASKED

    def of(self, endpoint: Endpoint) -> Proof | None:
        """What is known of it; None when it is of no interest."""
        return self._proofs.get(endpoint)

    @property
    def reachability(self) -> str:
        """public | local | private | unknown"""
        found = {(proof.state, proof.scope is Scope.GLOBAL) for proof in self._proofs.values()}
        states = {state for state, _ in found}
        if (REACHED, True) in found:
            return PUBLIC
        return LOCAL if REACHED in states else PRIVATE if UNREACHED in states else UNKNOWN


class Check:
    """One round of asking. ``asked`` says what of whom; answers may come in any order, or not at all."""

    def __init__(self, nonce: int, asked: Mapping[PeerId, Sequence[Endpoint]]) -> None:
        self.nonce = nonce
        self.asked = asked
        self._answers: dict[tuple[PeerId, Endpoint], DialledBack] = {}

    def answered(self, peer_id: PeerId, answer: DialledBack) -> bool:
        """Take an answer; False when nobody asked this peer for it."""
        if answer.nonce != self.nonce or answer.endpoint not in self.asked.get(peer_id, ()):
            return False
        self._answers.setdefault((peer_id, answer.endpoint), answer)
        return True

    @property
    def is_complete(self) -> bool:
        """Whether everybody has answered everything."""
        return len(self._answers) == sum(map(len, self.asked.values()))

    def verdict(self, endpoints: Collection[Endpoint]) -> Verdict:
        """What is known of one listener, which may have been asked for under several addresses."""
        scope: Scope | None = None
        failed: dict[PeerId, str] = {}
        able: set[PeerId] = set()
        for peer_id, asked in self.asked.items():
            for endpoint in (endpoint for endpoint in asked if endpoint in endpoints):
                answer = self._answers.get((peer_id, endpoint))
                if answer is not None and answer.refused:
                    continue
                able.add(peer_id)
                if answer is not None and answer.reached:
                    scope = max(scope or Scope.NOWHERE, scope_of(endpoint.host))
                elif answer is not None:
                    failed[peer_id] = answer.reason
        return Verdict(scope, failed, len(able))


class Witness(NamedTuple):
    """A linked peer that can be asked to dial back."""

    peer_id: PeerId
    group: str
    """The network it is in."""
    is_dialled: bool
    """This node chose it: whoever wants to deceive has to wait to be chosen."""
    sees: str | None
    """At which host it sees this node; None when it does not say."""


def ask_whom(
    endpoints: Iterable[Endpoint], witnesses: Sequence[Witness], asked_last: Collection[PeerId], rng: Random
) -> dict[PeerId, tuple[Endpoint, ...]]:
    """What to ask which peers: every endpoint two that see the node there, of two networks where there are any."""
    by_host: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        by_host.setdefault(plain_host(endpoint.host), []).append(endpoint)
    asked: dict[PeerId, tuple[Endpoint, ...]] = {}
    for host, found in by_host.items():
        able = [witness for witness in witnesses if witness.sees in (host, None)]
        rng.shuffle(able)
        able.sort(key=lambda witness: (witness.sees is None, witness.peer_id in asked_last, not witness.is_dialled))
        for witness in _apart(able):
            asked[witness.peer_id] = (asked.get(witness.peer_id, ()) + tuple(found))[:MOST_PER_REQUEST]
    return asked


def _apart(witnesses: Sequence[Witness]) -> Sequence[Witness]:
    """The first, and the first after it from another network, or whoever comes next."""
    others = [witness for witness in witnesses[1:] if witness.group != witnesses[0].group] or witnesses[1:]
    return [*witnesses[:1], *others[: PEERS_ASKED - 1]]


def objection(endpoint: Endpoint, seen_at: Collection[str]) -> str:
    """Why an endpoint is not dialled for a peer that is seen at these hosts; empty when it may be.

    Nobody is ever made to knock on doors of third parties, nor on those of services that are none of this network.
    """
    if plain_host(endpoint.host) not in seen_at or scope_of(endpoint.host) is Scope.NOWHERE:
        return f"not where I see you: {', '.join(sorted(seen_at)) or 'I cannot say where'}"
    if endpoint.port < _LEAST_PORT and endpoint.port not in _WEB_PORTS:
        return f"ports below {_LEAST_PORT} are not dialled back, except 80 and 443"
    return ""


class DialBackQuota:
    """How many endpoints are dialled for others within a minute: 12 for one peer, 60 in all."""

    def __init__(self) -> None:
        self._granted: deque[tuple[float, PeerId]] = deque()

    def grant(self, peer_id: PeerId, now: float) -> bool:
        """Whether one more may be dialled for this peer; if so it counts."""
        while self._granted and self._granted[0][0] <= now - _WINDOW_S:
            self._granted.popleft()
        of_peer = sum(granted_to == peer_id for _, granted_to in self._granted)
        if len(self._granted) >= _IN_ALL or of_peer >= _PER_PEER:
            return False
        self._granted.append((now, peer_id))
        return True
