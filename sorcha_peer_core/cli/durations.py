"""Lengths of time as people write them."""

from __future__ import annotations

import re

import click

_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_FORM = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhd]?)")


def seconds_of(text: str) -> float:
    """Read a number with a unit, seconds without one. Raises ValueError.

    >>> seconds_of("90"), seconds_of("1.5h"), seconds_of("7d")
    (90.0, 5400.0, 604800.0)
    """
    found = _FORM.fullmatch(text.strip())
    if found is None or not float(found[1]):
        raise ValueError(f"{text[:40]!r} is no length of time; write 90s, 30m, 12h or 7d")
    return float(found[1]) * _UNITS_S[found[2]]


def seconds_argument(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """What click makes of an option that is a length of time."""
    try:
        return None if text is None else seconds_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error
