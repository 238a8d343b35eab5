"""Greenlets with names, whose failures are seen."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from gevent import Greenlet
from gevent.pool import Group

log = logging.getLogger(__name__)


class Supervisor:
    """The greenlets of one node. One that fails is logged with its name; ``failed`` tells the health check."""

    def __init__(self) -> None:
        self._group = Group()
        self._not_begun = Group()
        self.failed: list[str] = []
        self.on_vital_failure: Callable[[str], None] = lambda name: None
        """Called with its name when one fails that the node cannot work without; by that greenlet, so it must not block."""

    def spawn(self, name: str, run: Callable[..., Any], *args: Any) -> Greenlet[..., object]:
        """Run in a greenlet of its own."""
        return self._group.spawn(self._guard, name, run, *args)

    def spawn_vital(self, name: str, run: Callable[[], Any]) -> Greenlet[..., object]:
        """The same, for one that the node cannot work without."""
        return self._group.spawn(self._guard_vital, name, run)

    def spawn_later(self, delay_s: float, name: str, run: Callable[..., Any], *args: Any) -> Greenlet[..., object]:
        """The same, after a while; ``kill`` of what is returned calls it off."""
        waiting: Greenlet[..., object] = Greenlet(self.spawn, name, run, *args)
        self._not_begun.add(waiting)
        waiting.start_later(delay_s)
        return waiting

    def stop(self, grace_s: float) -> None:
        """Call off what has not begun, wait for those that end by themselves, then end the others."""
        self._not_begun.kill()
        self._group.join(timeout=grace_s)
        self._group.kill()

    def _guard_vital(self, name: str, run: Callable[[], Any]) -> None:
        if not self._guard(name, run):
            self.on_vital_failure(name)

    def _guard(self, name: str, run: Callable[..., Any], *args: Any) -> bool:
        """Returns whether it ended by itself."""
        try:
            run(*args)
        except Exception:
            # The one broad catch: whatever escaped a greenlet is a bug of ours, and must not pass unseen.
            self.failed.append(name)
            log.exception("the greenlet %s failed", name)
            return False
        return True
