"""How a reader of something without end bears a node that does not answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sorcha_peer_core.client.connection import Refused
from sorcha_peer_core.errors import NodeUnreachable

if TYPE_CHECKING:
    from sorcha_peer_core.errors import PeerError

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
_LASTED_S = 1.0
"""A connection that was open for so long was a good one, even if nothing came."""
_COMES_BACK = (429, 503)


def passes(error: PeerError) -> bool:
    """Whether trying again may help."""
    return isinstance(error, NodeUnreachable) or (isinstance(error, Refused) and error.http_status in _COMES_BACK)


class Patience:
    """Pauses of 0.2 to 5 s between two attempts; ``on_trouble`` hears of it, once until something comes again.

    After ``patience_s`` (None: never) without anything, the problem is raised.
    """

    def __init__(
        self,
        on_trouble: Callable[[PeerError], object] | None,
        patience_s: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._on_trouble = on_trouble
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep
        self.begin()

    def begin(self) -> None:
        """Reading begins: nothing has been in vain so far."""
        self._pause_s = _FIRST_PAUSE_S
        self._heard_at_s = self._clock()
        self._open_since_s: float | None = None

    def dialling(self) -> None:
        """A connection is about to be made."""
        self._open_since_s = None

    def opened(self) -> None:
        """There is one."""
        self._open_since_s = self._clock()

    def came(self) -> None:
        """Something came."""
        self._pause_s = _FIRST_PAUSE_S

    def handed_out(self) -> None:
        """The reader is done with it; however long it took, the node is not to blame."""
        self._heard_at_s = self._clock()

    def wait(self, problem: PeerError) -> None:
        """Pause until the next attempt; raises ``problem`` when there is no use in one."""
        if self._open_since_s is not None and self._clock() - self._open_since_s >= _LASTED_S:
            self._pause_s, self._heard_at_s = _FIRST_PAUSE_S, self._clock()
        if self._patience_s is not None and self._clock() - self._heard_at_s >= self._patience_s:
            raise problem
        if self._pause_s == _FIRST_PAUSE_S and self._on_trouble is not None:
            self._on_trouble(problem)
        self._sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
