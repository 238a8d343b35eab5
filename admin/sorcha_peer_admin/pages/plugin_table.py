"""The installed plugins as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class OfferLine(NamedTuple):
    """Something that a plugin can build."""

    kind: str
    name: str
    summary: str
    is_chosen: bool


class PluginLine(NamedTuple):
    """One plugin."""

    name: str
    distribution: str
    version: str
    offers: Sequence[OfferLine]
    state: str
    """in use | not chosen | failed"""
    error: str


_ORDER = {"failed": 0, "in use": 1, "not chosen": 2}


def plugin_lines(plugins: Sequence[Mapping[str, Any]]) -> list[PluginLine]:
    """Those that failed first: they are what somebody has to look at."""
    return sorted((_line(plugin) for plugin in plugins), key=lambda line: (_ORDER[line.state], line.name))


def _line(plugin: Mapping[str, Any]) -> PluginLine:
    error = str(plugin.get("error", ""))
    return PluginLine(
        name=str(plugin["name"]),
        distribution=str(plugin.get("distribution", "")),
        version=str(plugin.get("version", "")),
        offers=[
            OfferLine(offer["kind"], offer["name"], offer["summary"], offer["chosen"])
            for offer in sorted(plugin.get("offers", ()), key=lambda offer: not offer["chosen"])
        ],
        state="failed" if error else "in use" if plugin.get("chosen") else "not chosen",
        error=error,
    )
