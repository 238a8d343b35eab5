"""The race for a first contact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sorcha_peer_core.model.events import BootstrapFailed
from sorcha_peer_core.protocol.discovery_host import Contact, DiscoveryHost, Failure
from sorcha_peer_core.protocol.retry import backoff_s

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import BootstrapEntry

_AT_ONCE = 3
_CONNECT_TIMEOUT_S = 3.0
_FIRST_RETRY_S = 1.0


@dataclass(slots=True, eq=False)
class _Runner:
    """One entry, and how it does in the race."""

    entry: BootstrapEntry
    contact: Contact
    peer_id: PeerId | None = None
    """Who answered there last."""
    is_self: bool = False

    @property
    def known(self) -> PeerId | None:
        """Who is there, as far as anybody knows."""
        return self.peer_id or self.entry.peer_id


class Bootstrap:
    """Dials the configured first contacts while the node needs one: all of them, some at a time, until one answers.

    When none does, the next race begins after a pause that grows. The order is drawn anew for each race, so that the
    nodes of a network do not all begin with the same entry. Also a node that is well tries now and then those that are gone
    (``recall``): two networks that grew apart become one by that.
    """

    def __init__(
        self,
        entries: Sequence[BootstrapEntry],
        host: DiscoveryHost,
        rng: Random,
        retry_most_s: float,
        is_banned: Callable[[PeerId], bool] = lambda _: False,
    ) -> None:
        self._host = host
        self._rng = rng
        self._retry_most_s = retry_most_s
        self._is_banned = is_banned
        self._runners: dict[Contact, _Runner] = {}
        self._waiting: list[_Runner] = []
        self._running: dict[Contact, _Runner] = {}
        self._failures = 0
        self._reasons: list[str] = []
        self._race_at_s = 0.0
        self._racing = False
        self._won = False
        self._told = False
        self._recalled = False
        self.add(entries)

    def add(self, entries: Sequence[BootstrapEntry]) -> bool:
        """More first contacts; those that are there already are passed over. True when one is new."""
        before = len(self._runners)
        for entry in entries:
            contact = Contact((entry.endpoint,), entry.peer_id, _CONNECT_TIMEOUT_S)
            self._runners.setdefault(contact, _Runner(entry, contact))
        return len(self._runners) > before

    @property
    def running(self) -> int:
        """Dials under way."""
        return len(self._running)

    @property
    def is_unmet(self) -> bool:
        """Whether none of the entries has led to anybody else so far: whoever is linked may be as lost as this node."""
        others = [runner for runner in self._runners.values() if self._may_be_dialled(runner)]
        return bool(others) and all(runner.peer_id is None for runner in others)

    def is_first_contact(self, peer_id: PeerId) -> bool:
        """Whether this peer answered at one of the entries."""
        return any(runner.peer_id == peer_id for runner in self._runners.values())

    def recall(self) -> None:
        """Try those that are not met, once, also if none is needed."""
        self._recalled = True

    def tick(self, needed: bool, is_met: Callable[[PeerId], bool], has_place: Callable[[], bool], now: float) -> None:
        """Run on: begin a race when one is due, give the next entry its turn.

        ``is_met``: that one need not be dialled. ``has_place``: one more link would not be too many.
        """
        if not self._racing:
            if not needed:
                self._failures, self._told = 0, False
            if now < self._race_at_s or not (needed or self._recalled):
                return
            self._begin(is_met)
        while self._waiting and len(self._running) < _AT_ONCE and has_place():
            runner = self._waiting.pop()
            self._running[runner.contact] = runner
            self._host.dial(runner.contact)
        if not self._running:
            self._end(needed, now)

    def next_at(self, needed: bool) -> float | None:
        """When the next race is due; None while nobody needs one, or it runs."""
        return self._race_at_s if needed and not self._racing and self._runners else None

    def answered(self, contact: Contact, peer_id: PeerId) -> bool:
        """One answered, and the others need not begin any more; False when the contact is none of the entries."""
        runner = self._runners.get(contact)
        if runner is None:
            return False
        self._running.pop(contact, None)
        runner.peer_id = peer_id
        self._won = True
        self._waiting.clear()
        return True

    def failed(self, contact: Contact, failure: Failure) -> bool:
        """One did not answer; False when the contact is none of the entries."""
        runner = self._runners.get(contact)
        if runner is None:
            return False
        self._running.pop(contact, None)
        if failure.itself:
            runner.is_self = True
        else:
            runner.peer_id = failure.banned or runner.peer_id
            self._reasons.append(f"{runner.entry.endpoint}: {failure.reason}")
        return True

    def hurry(self, now: float) -> None:
        """What failed until now says nothing any more: race as soon as it is needed."""
        self._failures, self._race_at_s = 0, now

    def _begin(self, is_met: Callable[[PeerId], bool]) -> None:
        runners = [r for r in self._runners.values() if self._may_be_dialled(r) and (r.peer_id is None or not is_met(r.peer_id))]
        self._rng.shuffle(runners)
        self._waiting, self._racing, self._won, self._recalled = runners, True, False, False
        self._reasons.clear()

    def _may_be_dialled(self, runner: _Runner) -> bool:
        return not (runner.is_self or (runner.known is not None and self._is_banned(runner.known)))

    def _end(self, needed: bool, now: float) -> None:
        self._racing = False
        # Also after a race that was won: as long as a first contact is needed, the one that answered was no help.
        self._race_at_s = now + backoff_s(self._failures, _FIRST_RETRY_S, self._retry_most_s, self._rng)
        self._failures += 1
        if self._won:
            self._told = False
        elif needed and self._reasons and not self._told:
            self._told = True
            self._host.emit(BootstrapFailed(tuple(self._reasons)))
