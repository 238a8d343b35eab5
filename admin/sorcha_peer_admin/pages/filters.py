"""Numbers, times and ids as people read them; filters of the templates."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

NOTHING = "\u2013"
"""Stands where there is no value."""
SHORT_CHARS = 8
_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_KIB = 1024
_DURATIONS = ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def bytes_text(size: float | None) -> str:
    """A size in binary units.

    >>> bytes_text(999), bytes_text(1536), bytes_text(10 * 1024 * 1024)
    ('999 B', '1.5 KiB', '10 MiB')
    """
    if size is None:
        return NOTHING
    unit = 0
    while abs(size) >= _KIB and unit < len(_BYTE_UNITS) - 1:
        size, unit = size / _KIB, unit + 1
    return f"{size:.1f} {_BYTE_UNITS[unit]}".replace(".0 ", " ") if unit else f"{size:.0f} B"


def rate_text(bytes_per_s: float | None) -> str:
    """A rate of bytes."""
    return NOTHING if bytes_per_s is None else f"{bytes_text(bytes_per_s)}/s"


def count_text(count: float | None) -> str:
    """A whole number with narrow spaces between thousands.

    >>> count_text(1234567)
    '1 234 567'
    """
    return NOTHING if count is None else f"{count:,.0f}".replace(",", "\u202f")


def duration_text(seconds: float | None) -> str:
    """A span of time in its two largest units.

    >>> duration_text(0.25), duration_text(42), duration_text(3700), duration_text(200_000)
    ('0.2 s', '42 s', '1 h 1 min', '2 d 7 h')
    """
    if seconds is None:
        return NOTHING
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s".replace(".0 ", " ")
    for large, large_unit, small, small_unit in _DURATIONS:
        if seconds >= large:
            rest = int(seconds % large // small)
            return f"{int(seconds // large)} {large_unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{seconds:.0f} s"


def ms_text(milliseconds: float | None) -> str:
    """Milliseconds with as many digits as matter.

    >>> ms_text(0.1234), ms_text(12.34), ms_text(1234.5), ms_text(12)
    ('0.12 ms', '12.3 ms', '1.23 s', '12.0 ms')
    """
    if milliseconds is None:
        return NOTHING
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.2f} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 100 else f"{milliseconds:.{1 if milliseconds >= 10 else 2}f} ms"


def short_text(identity: str) -> str:
    """The beginning of an id or a hash; the whole one belongs beside it, to copy."""
    return identity if len(identity) <= SHORT_CHARS + 2 else identity[:SHORT_CHARS]


def unix_time_text(at: float | None) -> str:
    """Unix seconds as ISO 8601 in UTC, for ``<time datetime>``; scripts show it in the reader's own zone."""
    if at is None:
        return ""
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        # Peers say what they like.
        return ""


def clock_text(at: float | None) -> str:
    """Unix seconds as date and time in UTC, for people."""
    return unix_time_text(at).replace("T", " ").replace("Z", " UTC") or NOTHING


def ago_text(at: float | None, now: float | None = None) -> str:
    """How long ago, or in how long, Unix seconds are.

    >>> ago_text(100, now=160), ago_text(160, now=100), ago_text(100, now=100.4)
    ('1 min ago', 'in 1 min', 'just now')
    """
    if at is None:
        return "never"
    passed_s = (time.time() if now is None else now) - at
    if abs(passed_s) < 1:
        return "just now"
    words = duration_text(float(int(abs(passed_s)))).split(" ")
    largest = " ".join(words[:2])
    return f"{largest} ago" if passed_s > 0 else f"in {largest}"


def register_filters(app: Flask) -> None:
    """Make them known to the templates."""
    app.jinja_env.filters |= {
        "bytes": bytes_text,
        "rate": rate_text,
        "count": count_text,
        "duration": duration_text,
        "ms": ms_text,
        "short": short_text,
        "unix_time": unix_time_text,
        "clock": clock_text,
        "ago": ago_text,
    }
