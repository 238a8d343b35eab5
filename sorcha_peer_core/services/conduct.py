"""What peers did, and what this node does about it: links end, dials wait, bans begin."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import ActionRefused, StoreError
from sorcha_peer_core.model.events import PeerJudged
from sorcha_peer_core.model.ids import short
from sorcha_peer_core.protocol.reputation import HARMLESS, Deed, Reputation, Standing

if TYPE_CHECKING:
    from sorcha_peer_core.model.events import Event
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.protocol.reputation import Term
    from sorcha_peer_core.services.bans import Bans
    from sorcha_peer_core.services.supervisor import Supervisor

log = logging.getLogger(__name__)

REVIEWED_EVERY_S = 10.0
RULE = "reputation"
"""By which automatic bans are known."""
UNDIALLED_S = 600.0
"""A peer that was parted with is not dialled for so long."""
_VERDICTS = {Standing.UNLINKED: "disconnected", Standing.DISCOURAGED: "discouraged", Standing.BANNED: "banned"}
_MOST_SENTENCED = 10_000
_MOST_REASON = 200


class Conduct:
    """The reputation of a node's peers, and its consequences. Belongs to the hub's thread; nothing here blocks.

    ``mode``: on | dry-run: says what it would do | off: nothing is noted. Peers in ``spared`` are never acted against.
    """

    def __init__(
        self,
        mode: str,
        bans: Bans,
        supervisor: Supervisor,
        emit: Callable[[Event], None],
        *,
        spared: Collection[PeerId] = (),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._mode = mode
        self._bans = bans
        self._supervisor = supervisor
        self._emit = emit
        self._spared = spared
        self._clock = clock
        self._reputation = Reputation()
        self._regarded: dict[PeerId, Standing] = {}
        """Linked peers, as the core was told to regard them."""
        self._sentenced: dict[PeerId, tuple[Standing, float]] = {}
        """What was decided about whom, and until when that lasts."""
        self.deeds: Counter[str] = Counter()
        """What was noticed since the start."""
        self.judged: Counter[str] = Counter()
        """Verdicts since the start; those that were not carried out have ``(dry run)`` behind them."""
        self.on_regard: Callable[[PeerId, Standing], None] = lambda peer_id, standing: None
        """Called when the standing of a linked peer changed; must not block."""
        self.on_part: Callable[[PeerId, str, float], None] = lambda peer_id, reason, for_s: None
        """Called to end the link with a peer, if there is one, and not to dial it for so long; must not block."""

    def __len__(self) -> int:
        return len(self._reputation)

    def noticed(self, peer_id: PeerId, deed: Deed, count: float = 1.0) -> None:
        """A peer did this, so often; a negative count takes something back."""
        if self._mode == "off":
            return
        self.deeds[deed] += int(count)
        self._reputation.note(peer_id, deed, self._clock(), count)
        if deed not in HARMLESS and count > 0:
            self._judge(peer_id)

    def linked(self, peer_id: PeerId) -> None:
        """A link is up: the core is to know what is thought of that peer."""
        standing = self._standing(peer_id)
        self._regarded[peer_id] = standing
        if standing is not Standing.GOOD:
            self.on_regard(peer_id, standing)

    def unlinked(self, peer_id: PeerId) -> None:
        """The last link to it is gone."""
        self._regarded.pop(peer_id, None)

    def review(self) -> None:
        """See whose deeds are forgotten; call it every ``REVIEWED_EVERY_S``."""
        now = self._clock()
        self._reputation.forget_old(now)
        self._sentenced = {peer_id: what for peer_id, what in self._sentenced.items() if now < what[1]}
        for peer_id in list(self._regarded):
            self._regard(peer_id, self._standing(peer_id))

    def discourages(self, peer_id: PeerId) -> bool:
        """Whether it gets a place only while there are many."""
        standing, until = self._sentenced.get(peer_id, (Standing.GOOD, 0.0))
        return standing >= Standing.DISCOURAGED and self._clock() < until and self._acts_against(peer_id)

    def forgive(self, peer_id: PeerId) -> None:
        """An operator lifted its ban: it begins anew."""
        self._sentenced.pop(peer_id, None)
        self._reputation.forget(peer_id)

    def score(self, peer_id: PeerId) -> float:
        """What this node thinks of a peer: -100 to 10, 0 of one that did nothing yet."""
        return round(self._reputation.score(peer_id, self._clock()), 2)

    def explain(self, peer_id: PeerId) -> Sequence[Term]:
        """The terms of which the score is the sum."""
        return self._reputation.explain(peer_id, self._clock())

    def _standing(self, peer_id: PeerId) -> Standing:
        return self._reputation.standing(peer_id, self._clock())

    def _acts_against(self, peer_id: PeerId) -> bool:
        return self._mode == "on" and peer_id not in self._spared

    def _judge(self, peer_id: PeerId) -> None:
        now, standing = self._clock(), self._standing(peer_id)
        self._regard(peer_id, standing)
        if standing < Standing.UNLINKED or peer_id in self._bans:
            return
        before, until = self._sentenced.get(peer_id, (Standing.GOOD, 0.0))
        if now < until and standing <= before:
            # It is back, or has not gone yet: nothing new is to be said.
            if self._acts_against(peer_id):
                self.on_part(peer_id, self._reason(peer_id), until - now)
            return
        for_s = UNDIALLED_S
        if standing >= Standing.DISCOURAGED:
            # What was discouraged a moment ago and is banned now did not have its chance to learn.
            goes_on = now < until and before is Standing.DISCOURAGED
            for_s = until - now if goes_on else self._reputation.sentence(peer_id, now)
        if len(self._sentenced) >= _MOST_SENTENCED:
            del self._sentenced[next(iter(self._sentenced))]
        self._sentenced[peer_id] = standing, now + for_s
        self._tell(peer_id, standing, for_s)
        if self._acts_against(peer_id):
            self._carry_out(peer_id, standing, for_s)

    def _carry_out(self, peer_id: PeerId, standing: Standing, for_s: float) -> None:
        reason = self._reason(peer_id)
        self.on_part(peer_id, reason, for_s)
        if standing is Standing.BANNED:
            self._supervisor.spawn(f"ban of {short(peer_id)}", self._ban, peer_id, reason, for_s)

    def _ban(self, peer_id: PeerId, reason: str, for_s: float) -> None:
        try:
            self._bans.ban(peer_id, reason, by=RULE, duration_s=for_s)
        except (ActionRefused, StoreError) as error:
            # It stays discouraged, which needs no disk.
            log.warning("peer %s was to be banned: %s", short(peer_id), error)

    def _regard(self, peer_id: PeerId, standing: Standing) -> None:
        if self._acts_against(peer_id) and self._regarded.get(peer_id, standing) is not standing:
            self._regarded[peer_id] = standing
            self.on_regard(peer_id, standing)

    def _tell(self, peer_id: PeerId, standing: Standing, for_s: float) -> None:
        acts = self._acts_against(peer_id)
        verdict = _VERDICTS[standing]
        self.judged[verdict if acts else f"{verdict} (dry run)"] += 1
        terms = tuple(map(_term_text, self.explain(peer_id)))
        self._emit(PeerJudged(peer_id, verdict, self.score(peer_id), terms, round(for_s), acts))

    def _reason(self, peer_id: PeerId) -> str:
        terms = ", ".join(_term_text(term) for term in self.explain(peer_id) if term.points < 0)
        return f"its score is {self.score(peer_id):.0f}: {terms}"[:_MOST_REASON]


def _term_text(term: Term) -> str:
    return f"{term.name} {term.amount:.1f} ({term.points:+.1f})"
