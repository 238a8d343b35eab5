"""For how long a peer is banned: what a form offers, and what it says."""

from __future__ import annotations

from typing import NamedTuple

MOST_REASON_CHARS = 200


class Term(NamedTuple):
    """One choice."""

    key: str
    label: str
    duration_s: float | None
    """None: until somebody lifts it."""


TERMS = (
    Term("1h", "1 hour", 3600.0),
    Term("1d", "1 day", 86_400.0),
    Term("7d", "7 days", 7 * 86_400.0),
    Term("30d", "30 days", 30 * 86_400.0),
    Term("lifted", "until it is lifted", None),
)
_TERMS = {term.key: term for term in TERMS}


def term_of(key: str) -> Term:
    """The chosen one. Raises ValueError for something that no form offers."""
    if key not in _TERMS:
        raise ValueError(f"{key[:40]!r} is no duration; choose one of {', '.join(term.label for term in TERMS)}")
    return _TERMS[key]


def reason_of(text: str) -> str:
    """A reason as it is kept: one line. Raises ValueError when it is too long."""
    reason = " ".join(text.split())
    if len(reason) > MOST_REASON_CHARS:
        raise ValueError(f"the reason has {len(reason)} characters; at most {MOST_REASON_CHARS} are allowed")
    return reason
