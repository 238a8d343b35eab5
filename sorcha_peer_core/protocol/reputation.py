"""What a node thinks of its peers: a sum of named terms of what each of them did, all of it forgotten with time.

It is this node's own opinion. It is told to nobody and taken from nobody, so no peer can spoil another one's name. Only
what is provably the peer's own doing counts against it: an honest node verifies before it passes on, so what is not valid
for anybody comes from somebody who knew, or did not look. What depends on clocks or settings, what comes twice, late or
not at all now and then, and what is unknown is nobody's fault.

docs/reputation.md has the weights, and why they are what they are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from enum import IntEnum, StrEnum
from typing import NamedTuple

from sorcha_peer_core.model.ids import PeerId

MOST_PEERS = 10_000
"""Remembered at a time; of more, those who did something last. Whoever makes up identities could fill any list."""
MOST = 100.0
"""A score is between this and its negative."""
SHORTEST_S, LONGEST_S = 3600.0, 86_400.0
"""A ban, and the time for which a peer is discouraged: an hour, each time twice as long, a day at most."""
_HOUR_S = 3600.0
_TEN_MINUTES_S = 600.0
_SENTENCES_HALVE_S = 86_400.0
_NOTHING = 0.01
_SLACK = 2.0
"""Questions without an answer that say nothing, whatever the share: a link has to begin and to end some time."""


class Deed(StrEnum):
    """Something that a peer did, as a fact; ``TERMS`` says what it counts for."""

    FIRST = "first"
    """It brought a transaction before all others."""
    FORGED = "forged"
    """It sent a transaction or an envelope that is valid for nobody."""
    FALSE_CHUNK = "false chunk"
    """It sent a chunk, or a list of chunks, that is not what the origin signed."""
    FALSE_RECORD = "false record"
    """It told a peer record that is not signed by its key."""
    BROKE_RULES = "broke rules"
    """It sent a frame that no version of the protocol allows."""
    ANSWERED = "answered"
    """It answered a question for what it had announced, or said that it has it no more."""
    WITHHELD = "withheld"
    """It went on talking and left such a question without any answer."""
    FLOODED = "flooded"
    """It went on beyond a quota for a whole period."""


HARMLESS = frozenset({Deed.FIRST, Deed.ANSWERED})
"""What makes no score worse."""
HALF_LIVES_S = {
    Deed.FIRST: _TEN_MINUTES_S,
    Deed.FORGED: _HOUR_S,
    Deed.FALSE_CHUNK: _HOUR_S,
    Deed.FALSE_RECORD: _HOUR_S,
    Deed.BROKE_RULES: _HOUR_S,
    Deed.ANSWERED: _TEN_MINUTES_S,
    Deed.WITHHELD: _TEN_MINUTES_S,
    Deed.FLOODED: _TEN_MINUTES_S,
}
"""After so long a deed counts half."""


class Standing(IntEnum):
    """What follows from a score, from good to bad; each includes those before it."""

    GOOD = 0
    NOT_IN_MESH = 1
    """It is no eager neighbour: it is pushed nothing that is relayed, and is not asked to push."""
    ASKED_LAST = 2
    """What it announced is asked of others first."""
    UNLINKED = 3
    """Its link is ended, and it is not dialled for ten minutes."""
    DISCOURAGED = 4
    """For an hour or more it is not dialled, not told to others, and gets no place where few are left."""
    BANNED = 5
    """For an hour or more there is no link with it at all."""


THRESHOLDS = {
    Standing.BANNED: -80.0,
    Standing.DISCOURAGED: -50.0,
    Standing.UNLINKED: -20.0,
    Standing.ASKED_LAST: -10.0,
    Standing.NOT_IN_MESH: -1.0,
}
"""From this score downwards; the worst first."""


class TermRule(NamedTuple):
    """How one term of the sum is made."""

    name: str
    weight: float
    power: int
    most: float
    """Points it can add or take at most."""
    counted: Callable[[Mapping[Deed, float]], float]
    """What it counts, of the deeds as they count now."""

    def points(self, amount: float) -> float:
        """What so much is worth."""
        return max(-self.most, min(self.most, self.weight * float(amount**self.power)))


class Term(NamedTuple):
    """One term of a peer's score."""

    name: str
    amount: float
    """How much of it there is, what is older counting less."""
    points: float


def _of(deed: Deed) -> Callable[[Mapping[Deed, float]], float]:
    return lambda deeds: deeds.get(deed, 0.0)


def _beyond_loss(deeds: Mapping[Deed, float]) -> float:
    """Questions without an answer beyond half of all, and a few: no line that a link survives on loses that many."""
    return max(0.0, (deeds.get(Deed.WITHHELD, 0.0) - deeds.get(Deed.ANSWERED, 0.0)) / 2 - _SLACK)


TERMS = (
    TermRule("first deliveries", 0.2, 1, 10.0, _of(Deed.FIRST)),
    TermRule("forged", -10.0, 2, 200.0, _of(Deed.FORGED)),
    TermRule("false chunks", -10.0, 2, 200.0, _of(Deed.FALSE_CHUNK)),
    TermRule("false records", -10.0, 2, 200.0, _of(Deed.FALSE_RECORD)),
    TermRule("broken rules", -25.0, 1, 200.0, _of(Deed.BROKE_RULES)),
    TermRule("withheld", -2.0, 1, 60.0, _beyond_loss),
    TermRule("floods", -1.0, 1, 15.0, _of(Deed.FLOODED)),
)


class _Account:
    """What one peer did."""

    __slots__ = ("deeds", "sentenced_at", "sentences")

    def __init__(self) -> None:
        self.deeds: dict[Deed, tuple[float, float]] = {}
        """How much there was of each, and when that was so."""
        self.sentences = 0.0
        self.sentenced_at = 0.0


class Reputation:
    """The deeds of all peers, linked or not. Time is monotonic seconds, given and never read.

    >>> reputation, ann = Reputation(), PeerId("ann")
    >>> reputation.note(ann, Deed.FIRST, now=0.0, count=20)
    >>> reputation.score(ann, now=0.0), reputation.score(ann, now=600.0)
    (4.0, 2.0)
    >>> reputation.note(ann, Deed.FORGED, now=600.0, count=2)
    >>> reputation.explain(ann, now=600.0)
    [Term(name='first deliveries', amount=10.0, points=2.0), Term(name='forged', amount=2.0, points=-40.0)]
    >>> reputation.standing(ann, now=600.0).name, reputation.standing(ann, now=8000.0).name
    ('UNLINKED', 'NOT_IN_MESH')
    """

    def __init__(self, most_peers: int = MOST_PEERS) -> None:
        self._most_peers = most_peers
        self._accounts: OrderedDict[PeerId, _Account] = OrderedDict()
        """In the order of their last deeds."""

    def __len__(self) -> int:
        return len(self._accounts)

    def note(self, peer_id: PeerId, deed: Deed, now: float, count: float = 1.0) -> None:
        """``peer_id`` did this, so often; a negative count takes back what was noted too early."""
        account = self._account(peer_id)
        before, at = account.deeds.get(deed, (0.0, now))
        account.deeds[deed] = max(0.0, _left(before, now - at, HALF_LIVES_S[deed]) + count), now
        self._accounts.move_to_end(peer_id)

    def score(self, peer_id: PeerId, now: float) -> float:
        """The sum; 0 for who did nothing yet."""
        return max(-MOST, min(MOST, sum(term.points for term in self.explain(peer_id, now))))

    def explain(self, peer_id: PeerId, now: float) -> list[Term]:
        """The terms of the sum that are not nothing."""
        deeds = self._deeds(peer_id, now)
        amounts = ((rule, rule.counted(deeds)) for rule in TERMS)
        return [Term(rule.name, round(of, 3), round(rule.points(of), 2)) for rule, of in amounts if of >= _NOTHING]

    def standing(self, peer_id: PeerId, now: float) -> Standing:
        """What follows from the score."""
        score = self.score(peer_id, now) if peer_id in self._accounts else 0.0
        return next((standing for standing, least in THRESHOLDS.items() if score <= least), Standing.GOOD)

    def sentence(self, peer_id: PeerId, now: float) -> float:
        """For how long it is banned or discouraged now, in seconds: twice as long as the last time, unless that was long ago.

        >>> reputation, ann = Reputation(), PeerId("ann")
        >>> [reputation.sentence(ann, now) / 3600 for now in (0.0, 4000.0, 12_000.0)]
        [1.0, 2.0, 4.0]
        """
        account = self._account(peer_id)
        served = round(_left(account.sentences, now - account.sentenced_at, _SENTENCES_HALVE_S))
        account.sentences, account.sentenced_at = served + 1.0, now
        return float(min(SHORTEST_S * 2.0**served, LONGEST_S))

    def forget(self, peer_id: PeerId) -> None:
        """Whatever it did, it begins anew."""
        self._accounts.pop(peer_id, None)

    def forget_old(self, now: float) -> None:
        """Let go who did nothing lately that still counts; looks at all."""
        for peer_id in [peer_id for peer_id in self._accounts if self._is_over(peer_id, now)]:
            del self._accounts[peer_id]

    def _account(self, peer_id: PeerId) -> _Account:
        account = self._accounts.get(peer_id)
        if account is None:
            if len(self._accounts) >= self._most_peers:
                self._accounts.popitem(last=False)
            account = self._accounts[peer_id] = _Account()
        return account

    def _deeds(self, peer_id: PeerId, now: float) -> dict[Deed, float]:
        account = self._accounts.get(peer_id)
        found = account.deeds.items() if account else ()
        return {deed: _left(count, now - at, HALF_LIVES_S[deed]) for deed, (count, at) in found}

    def _is_over(self, peer_id: PeerId, now: float) -> bool:
        account = self._accounts[peer_id]
        served = _left(account.sentences, now - account.sentenced_at, _SENTENCES_HALVE_S)
        return served < 0.5 and all(count < _NOTHING for count in self._deeds(peer_id, now).values())


def _left(count: float, for_s: float, half_life_s: float) -> float:
    return count * float(2.0 ** (-max(0.0, for_s) / half_life_s))
