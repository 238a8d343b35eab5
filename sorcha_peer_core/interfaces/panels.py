"""What a plugin may show people on the pages of a node. Words and numbers only: the pages lay them out and escape them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Panel(NamedTuple):
    """A box with a heading: a sentence, facts by name, a table; what is empty is left out."""

    title: str
    text: str = ""
    facts: Sequence[tuple[str, object]] = ()
    """(name, value)"""
    columns: Sequence[str] = ()
    """Headings of the table."""
    rows: Sequence[Sequence[object]] = ()
    """One value a column each."""


class Page(NamedTuple):
    """A page of a plugin's own; it stands in the navigation under ``label`` and at ``/admin/plugin/NAME``."""

    name: str
    """Lowercase letters, digits and hyphens."""
    label: str
    build: Callable[[], Sequence[Panel]]
    """Called for each request. It may block as long as other greenlets run, and may fail: the page says so."""
