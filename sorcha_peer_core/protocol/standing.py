"""How a node stands in the network: online, degraded, offline; slow to say so, quick to be well the first time."""

from __future__ import annotations

from sorcha_peer_core.model.events import StateChanged

_WELL_AFTER_S = 2.0
_DEGRADED_AFTER_S = 5.0
_OFFLINE_AFTER_S = 10.0
"""A link that is replaced, a peer that restarts and a network that stumbles are over by then, and nobody need hear of them."""


class Standing:
    """Follows the number of links. A node is well with ``min_healthy`` links, or with all that can be had where that is fewer.

    ``update`` says what is so now, ``tick`` what follows when it has been so for long enough.
    """

    def __init__(self, min_healthy: int) -> None:
        self._min_healthy = min_healthy
        self._linked = 0
        self._needed = 1
        self._was_online = False
        # Since when (monotonic) it is so; None while it is not.
        self._well_s: float | None = None
        self._unwell_s: float | None = None
        self._alone_s: float | None = None
        self.name = "offline"
        """offline | degraded | online"""

    @property
    def needed(self) -> int:
        """Links that make the node well."""
        return self._needed

    def update(self, linked: int, live: int, now: float) -> None:
        """So many peers are linked, and so many are counted as alive (the linked ones among them)."""
        self._linked = linked
        self._needed = min(self._min_healthy, max(1, live))
        well = linked >= self._needed
        self._well_s = _since(self._well_s, well, now)
        self._unwell_s = _since(self._unwell_s, not well, now)
        self._alone_s = _since(self._alone_s, linked == 0, now)

    def tick(self, now: float) -> StateChanged | None:
        """The change that is due, if one is."""
        name = self._name_at(now)
        if name == self.name:
            return None
        self.name = name
        self._was_online |= name == "online"
        return StateChanged(name, self._cause(now))

    def next_at(self) -> float | None:
        """When a change may be due; None while all is as it is said to be."""
        waits = {
            "online": [(self._unwell_s, _DEGRADED_AFTER_S), (self._alone_s, _OFFLINE_AFTER_S)],
            "degraded": [(self._well_s, _WELL_AFTER_S), (self._alone_s, _OFFLINE_AFTER_S)],
            "offline": [],
        }[self.name]
        return min((since + wait_s for since, wait_s in waits if since is not None), default=None)

    def slept(self, for_s: float) -> None:
        """The node itself stood still for so long: nothing lasted longer by that."""
        self._well_s = _later(self._well_s, for_s)
        self._unwell_s = _later(self._unwell_s, for_s)
        self._alone_s = _later(self._alone_s, for_s)

    def _name_at(self, now: float) -> str:
        if _lasts(self._alone_s, _OFFLINE_AFTER_S, now):
            return "offline"
        if self.name == "online":
            return "degraded" if _lasts(self._unwell_s, _DEGRADED_AFTER_S, now) else "online"
        if _lasts(self._well_s, _WELL_AFTER_S if self._was_online else 0.0, now):
            return "online"
        return "degraded" if self._linked else self.name

    def _cause(self, now: float) -> str:
        if self.name == "offline":
            assert self._alone_s is not None
            return f"no peer has been linked for {now - self._alone_s:.0f} s"
        return f"{self._linked} of {self._needed} needed peers are linked"


def _since(since: float | None, is_so: bool, now: float) -> float | None:
    if not is_so:
        return None
    return now if since is None else since


def _later(since: float | None, by_s: float) -> float | None:
    return None if since is None else since + by_s


def _lasts(since: float | None, long_s: float, now: float) -> bool:
    return since is not None and now >= since + long_s
