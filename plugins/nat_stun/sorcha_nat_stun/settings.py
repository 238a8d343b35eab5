"""What this distribution reads of ``[network_address]``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sorcha_nat_stun.families import FAMILIES_BY_PREFERENCE, Family
from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.model.peer import parse_host_port

SECTION = "network_address"
STUN_SERVERS = f"{SECTION}.stun_servers"
HTTP_SERVICES = f"{SECTION}.http_lookup_services"
_DEFAULT_PORTS = {"https": 443, "http": 80}


class Target(NamedTuple):
    """Somebody to ask."""

    label: str
    """As configured, which is how people know it: ``host:port`` or a URL."""
    host: str
    port: int


class Settings(NamedTuple):
    """Whom to ask, and for which kinds of addresses."""

    targets: tuple[Target, ...]
    families: tuple[Family, ...]


def read_stun_settings(section: Mapping[str, Any]) -> Settings:
    """``stun_servers``, each ``host:port``. Raises ConfigError that names key and value."""
    return Settings(_targets(section, STUN_SERVERS, _stun_server), _families(section))


def read_http_settings(section: Mapping[str, Any]) -> Settings:
    """``http_lookup_services``, each a URL. Raises ConfigError that names key and value."""
    return Settings(_targets(section, HTTP_SERVICES, _http_service), _families(section))


def _families(section: Mapping[str, Any]) -> tuple[Family, ...]:
    preferred = section.get("preferred_protocol", "auto")
    if preferred not in FAMILIES_BY_PREFERENCE:
        raise ConfigError(f"{SECTION}.preferred_protocol is {preferred!r}; there is {', '.join(FAMILIES_BY_PREFERENCE)}")
    return FAMILIES_BY_PREFERENCE[preferred]


def _targets(section: Mapping[str, Any], key: str, parse: Callable[[str], Target]) -> tuple[Target, ...]:
    found: list[Target] = []
    for text in section.get(key.removeprefix(f"{SECTION}."), ()):
        try:
            target = parse(str(text).strip())
        except ValueError as error:
            raise ConfigError(f"{key} has {text!r}: {error}") from None
        if target in found:
            raise ConfigError(f"{key} has {text!r} twice; those who confirm each other have to be different")
        found.append(target)
    return tuple(found)


def _stun_server(text: str) -> Target:
    host, port = parse_host_port(text)
    if port == 0:
        raise ValueError("a server has a port from 1 to 65535")
    return Target(text, host, port)


def _http_service(text: str) -> Target:
    # Passwords in a URL would come to light in logs and findings; there is no service that needs one.
    parts = urlsplit(text)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc or any(c.isspace() for c in text):
        raise ValueError(
            "it is https://HOST[:PORT]/PATH without a name or password (or http://, which anybody on the way can forge)"
        )
    return Target(text, parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme])
