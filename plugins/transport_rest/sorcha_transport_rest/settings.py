"""The section ``[plugins.rest]`` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.model.peer import parse_host_port

SECTION = "plugins.rest"
_DEFAULT_LISTEN = ("127.0.0.1", 5002)


@dataclass(frozen=True, slots=True)
class RestSettings:
    """Where to listen; port 0 lets the system choose."""

    listen: tuple[str, int]


def read_settings(section: Mapping[str, Any], node_listen: tuple[str, int]) -> RestSettings:
    """Check the section. Raises ConfigError that names key and value.

    A node whose own listener takes any free port wants no fixed one here either, unless the section says so.
    """
    known = [field.name for field in fields(RestSettings)]
    for key in section:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {SECTION}.{near[0]}?" if near else f"there is {', '.join(known)}"
            raise ConfigError(f"{SECTION}.{key} is no setting; {hint}")
    if "listen" not in section:
        return RestSettings(node_listen if node_listen[1] == 0 else _DEFAULT_LISTEN)
    return RestSettings(_host_port(section["listen"]))


def _host_port(value: Any) -> tuple[str, int]:
    try:
        if not isinstance(value, str):
            raise ValueError("it is text: HOST:PORT")
        return parse_host_port(value)
    except ValueError as error:
        raise ConfigError(f"{SECTION}.listen is {value!r}: {error}") from None
