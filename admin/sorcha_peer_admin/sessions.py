"""Who is logged in: a table in memory, so that a logout, a new password or a restart ends a session for certain."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

IDLE_S = 30 * 60.0
LONGEST_S = 12 * 3600.0
MOST_SESSIONS = 1000
_ID_BYTES = 32


@dataclass(slots=True)
class Session:
    """One browser that logged in."""

    session_id: str
    csrf_token: str
    mark: str
    """Of the token and the password at the login; the session is over when they change."""
    began_s: float
    used_s: float
    messages: list[tuple[str, str]] = field(default_factory=list)
    """(level, sentence), shown on the next page: level is ``done`` or ``failed``."""

    def take_messages(self) -> list[tuple[str, str]]:
        """The messages, each of which is shown once."""
        taken, self.messages = self.messages, []
        return taken


class Sessions:
    """The open sessions of one node; an idle one ends after ``IDLE_S``, any after ``LONGEST_S``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, Session] = {}

    def begin(self, mark: str) -> Session:
        """A new one, under an id that nobody has seen before."""
        now = self._clock()
        self._forget_old(now)
        session = Session(secrets.token_urlsafe(_ID_BYTES), secrets.token_urlsafe(_ID_BYTES), mark, now, now)
        self._open[session.session_id] = session
        return session

    def find(self, session_id: str, mark: str, *, active: bool = True) -> Session | None:
        """The session of that id while it is good; ``active``: somebody uses it, so it stays open.

        ``mark`` is that of the token and the password now.
        """
        session = self._open.get(session_id)
        if session is None:
            return None
        now = self._clock()
        if _over(session, now) or session.mark != mark:
            self.end(session_id)
            return None
        if active:
            session.used_s = now
        return session

    def end(self, session_id: str) -> None:
        """Log out; an id that is not open is passed over."""
        self._open.pop(session_id, None)

    def _forget_old(self, now: float) -> None:
        self._open = {key: session for key, session in self._open.items() if not _over(session, now)}
        while len(self._open) >= MOST_SESSIONS:
            del self._open[min(self._open, key=lambda key: self._open[key].used_s)]


def _over(session: Session, now: float) -> bool:
    return now - session.used_s > IDLE_S or now - session.began_s > LONGEST_S
