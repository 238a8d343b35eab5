"""The system's clock against those of the peers, which every handshake tells."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from sorcha_peer_core.model.events import ClockOff, ClockRight
from sorcha_peer_core.protocol.clock import ClockJudgement
from sorcha_peer_core.services.event_log import clock_sentence
from sorcha_peer_core.services.security import CLOCK_TOLERANCE_MS

if TYPE_CHECKING:
    from sorcha_peer_core.model.events import Event
    from sorcha_peer_core.model.ids import PeerId

log = logging.getLogger(__name__)

CHECKED_EVERY_S = 5.0
_SET_MS = 10_000.0
"""A clock that moves by more than this between two checks was set; what a time service does by itself is less."""


def elapsed_s() -> float:
    """Seconds that go on while the machine sleeps, where the system has such a clock; nobody can set it."""
    # The name is Linux's; elsewhere a machine that slept seems to have a wrong clock until its peers are linked again.
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


def unix_ms() -> float:
    """The system's clock."""
    return time.time() * 1000


def origin_ms(unix_ms: Callable[[], float], elapsed_s: Callable[[], float]) -> float:
    """What the first clock would have shown when the second was zero. It changes only when somebody sets the first."""
    return unix_ms() - elapsed_s() * 1000


class ClockWatch:
    """What linked peers' clocks show, and whether own submissions can be released by the own one.

    A peer's clock is kept as what it would have shown when ``elapsed_s`` was zero. So a measurement stays good while its link
    lasts, also when the own clock is set meanwhile.
    """

    def __init__(
        self,
        emit: Callable[[Event], None],
        linked: Callable[[], Collection[PeerId]],
        unix_ms: Callable[[], float] = unix_ms,
        elapsed_s: Callable[[], float] = elapsed_s,
    ) -> None:
        self._emit = emit
        self._linked = linked
        self._unix_ms = unix_ms
        self._elapsed_s = elapsed_s
        self._origins_ms: dict[PeerId, float] = {}
        self._judgement = ClockJudgement(CLOCK_TOLERANCE_MS)
        self._own_origin_ms = self._own()
        self.on_right: Callable[[], None] = lambda: None
        """Called when own submissions need no longer wait for the clock; must not block."""

    def heard(self, peer_id: PeerId, origin_ms: float) -> None:
        """A handshake told what the peer's clock would have shown when ``elapsed_s`` was zero."""
        self._origins_ms[peer_id] = origin_ms

    def check(self) -> None:
        """Every so often: judge, and tell what changed."""
        linked = self._linked()
        self._origins_ms = {peer_id: origin_ms for peer_id, origin_ms in self._origins_ms.items() if peer_id in linked}
        before_ms, own_ms = self._own_origin_ms, self._own()
        self._own_origin_ms = own_ms
        if abs(own_ms - before_ms) > _SET_MS:
            log.warning("the clock of this machine was set by %+.0f s", (own_ms - before_ms) / 1000)
        was_off = self._judgement.is_off
        if self._judgement.judge([own_ms - origin_ms for origin_ms in self._origins_ms.values()]):
            skew_s = round(self.skew_s or 0.0, 1)
            self._emit(ClockOff(skew_s, self._judgement.is_off) if self._judgement.differs else ClockRight(skew_s))
        if was_off and not self._judgement.is_off:
            self.on_right()

    def network_ms(self) -> float:
        """The time for what others made: the system's, and while that is off what the linked peers' clocks show.

        So a node whose clock is wrong takes and relays what it would refuse as expired, or as made in the future
        (docs/adr/0014).
        """
        return self._unix_ms() - (self._judgement.skew_ms or 0.0 if self.is_off() else 0.0)

    def is_off(self) -> bool:
        """Whether peers would refuse what is sealed now."""
        if abs(self._own() - self._own_origin_ms) > _SET_MS:
            self.check()
        return self._judgement.is_off

    @property
    def skew_s(self) -> float | None:
        """How far the own clock is ahead of the linked peers'; None when there are none."""
        skew_ms = self._judgement.skew_ms
        return None if skew_ms is None else skew_ms / 1000

    @property
    def flaw(self) -> str:
        """What is wrong, in words; empty when nothing is."""
        return clock_sentence(self.skew_s or 0.0, self.is_off()) if self._judgement.differs else ""

    def _own(self) -> float:
        return origin_ms(self._unix_ms, self._elapsed_s)
