"""The section ``[plugins.rest]`` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.model.peer import parse_host_port

SECTION = "plugins.rest"


@dataclass(frozen=True, slots=True)
class RestSettings:
    """Where to listen; port 0 lets the system choose, None is nowhere."""

    listen: tuple[str, int] | None
    public_certificate: Path | None = None
    """What peers see when a proxy ends TLS in front of this node; PEM, relative to the data directory."""


def read_settings(section: Mapping[str, Any], node_listen: tuple[str, int] | None) -> RestSettings:
    """Check the section. Raises ConfigError that names key and value.

    Without ``listen``, it is the host of the node's own listener and the port after its own (5002 after 5001), any free one
    where the node takes any, and nowhere where the node listens on nothing. An empty one is nowhere, too.
    """
    known = [field.name for field in fields(RestSettings)]
    for key in section:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {SECTION}.{near[0]}?" if near else f"there is {', '.join(known)}"
            raise ConfigError(f"{SECTION}.{key} is no setting; {hint}")
    listen = _host_port(section["listen"]) if "listen" in section else _beside(node_listen)
    return RestSettings(listen, _path(section.get("public_certificate")))


def _beside(node_listen: tuple[str, int] | None) -> tuple[str, int] | None:
    if node_listen is None:
        return None
    host, port = node_listen
    return host, port + 1 if port else 0


def _path(value: Any) -> Path | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ConfigError(f"{SECTION}.public_certificate is {value!r}: it is the path of a file")
    return Path(value)


def _host_port(value: Any) -> tuple[str, int] | None:
    if value == "":
        return None
    try:
        if not isinstance(value, str):
            raise ValueError("it is text: HOST:PORT")
        return parse_host_port(value)
    except ValueError as error:
        raise ConfigError(f"{SECTION}.listen is {value!r}: {error}") from None
