"""The configuration as people read it: by section, and what somebody changed stands out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.views import SettingView

_MASK = "***"


class Line(NamedTuple):
    """One setting."""

    key: str
    """Without its section."""
    value: str
    default: str
    origin: str
    """In a word: default | flag | environment | file."""
    source: str
    """The variable or the file that it comes from; empty for the others."""
    summary: str
    is_changed: bool
    is_secret: bool


class Section(NamedTuple):
    """A table of the configuration file."""

    name: str
    lines: Sequence[Line]

    @property
    def changed(self) -> int:
        """How many settings are not as they come."""
        return sum(line.is_changed for line in self.lines)


def sections_of(settings: Sequence[SettingView], search: str = "", only_changed: bool = False) -> list[Section]:
    """The settings in which ``search`` occurs (key, value, origin or meaning), in the order in which they were given."""
    wanted = search.strip().casefold()
    sections: dict[str, list[Line]] = {}
    for setting in settings:
        section, _, key = setting.key.rpartition(".")
        line = _line(key, setting)
        if (line.is_changed or not only_changed) and _matches(section, line, wanted):
            sections.setdefault(section, []).append(line)
    return [Section(name, lines) for name, lines in sections.items()]


def value_text(value: Any) -> str:
    """A value as it would be written into the file; what cannot be written is empty.

    >>> value_text(True), value_text(("a", 1)), value_text("")
    ('true', '["a", 1]', '""')
    """
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, default=str)


def _line(key: str, setting: SettingView) -> Line:
    origin, _, source = setting.origin.removeprefix("environment ").partition(" ")
    return Line(
        key=key,
        value=value_text(setting.value),
        default=value_text(setting.default),
        origin={"variable": "environment"}.get(origin, origin),
        source=source,
        summary=setting.summary,
        is_changed=setting.origin != "default" and _plain(setting.value) != _plain(setting.default),
        is_secret=isinstance(setting.value, str) and _MASK in setting.value,
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _matches(section: str, line: Line, wanted: str) -> bool:
    texts = (f"{section}.{line.key}", line.value, line.origin, line.source, line.summary)
    return not wanted or any(wanted in text.casefold() for text in texts)
