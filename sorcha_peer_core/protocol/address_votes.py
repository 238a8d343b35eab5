"""What peers say about where they see this node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from sorcha_peer_core.model.hosts import Scope, family_of, plain_host, scope_of

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import PeerId

ENOUGH = 3
"""So many peers have to agree: two liars among three voters find nobody to agree with."""
_KEPT = 64


class _Vote(NamedTuple):
    host: str
    voter: str
    """The host or network that the peer itself is in."""


class Votes:
    """The latest word of each peer, of at most 64.

    One peer's word is worth nothing: it may lie, or sit in this node's own network. Whoever runs many nodes on one machine has
    one voice, as long as there are voters elsewhere.
    """

    def __init__(self) -> None:
        self._votes: dict[PeerId, _Vote] = {}

    def heard(self, peer_id: PeerId, host: str, voter: str, linked: Container[PeerId]) -> None:
        """A peer in ``voter`` sees this node at ``host``. What peers saw who are gone counts no more once it is contradicted."""
        host = plain_host(host)
        family = family_of(host)
        if family is None or scope_of(host) is Scope.NOWHERE:
            return
        stale = [
            other
            for other, vote in self._votes.items()
            if other not in linked and vote.host != host and family_of(vote.host) == family
        ]
        for other in [*stale, peer_id]:
            self._votes.pop(other, None)
        self._votes[peer_id] = _Vote(host, voter)
        if len(self._votes) > _KEPT:
            del self._votes[next(iter(self._votes))]

    def forget(self) -> None:
        """This node is in another network now."""
        self._votes.clear()

    def seen_by(self, peer_id: PeerId) -> str | None:
        """Where this peer sees the node; None when it does not say."""
        vote = self._votes.get(peer_id)
        return vote.host if vote else None

    def counts(self) -> Mapping[str, int]:
        """How many peers see it where, the most first."""
        return dict(Counter(vote.host for vote in self._votes.values()).most_common())

    def agreed(self, family: int) -> Iterator[str]:
        """Where enough peers see it; first where most do."""
        votes = [vote for vote in self._votes.values() if family_of(vote.host) == family]
        voters_needed = min(ENOUGH, len({vote.voter for vote in votes}))
        for host, number in Counter(vote.host for vote in votes).most_common():
            voters = {vote.voter for vote in votes if vote.host == host}
            if number >= ENOUGH and len(voters) >= voters_needed:
                yield host
