"""Where peers are and what they say of themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from sorcha_peer_core.model.ids import PeerId, parse_peer_id

_DEFAULT_SCHEME = "grpc"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,31}")
_MAX_PORT = 65535
_MAX_PORT_DIGITS = 5


class Endpoint(NamedTuple):
    """An address of a listener. ``scheme`` names what listens there; a gRPC port serves both gRPC transports."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """``host:port``, an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class BootstrapEntry(NamedTuple):
    """A configured first contact; ``peer_id`` is None unless the entry pins one."""

    endpoint: Endpoint
    peer_id: PeerId | None


def parse_host_port(text: str) -> tuple[str, int]:
    """Split ``host:port`` or ``[v6]:port``; port 0 means one the system chooses.

    >>> parse_host_port("[::]:5001")
    ('::', 5001)
    """
    host, colon, port = text.strip().rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or len(port) > _MAX_PORT_DIGITS or int(port) > _MAX_PORT:
        raise ValueError(f"{text!r} is not HOST:PORT with a port from 0 to {_MAX_PORT}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: an IPv6 address is written in brackets, like [::1]:5001")
    if not host or any(c.isspace() or c in "[]/#@?" for c in host):
        raise ValueError(f"{text!r} has no valid host before the port")
    return host, int(port)


def is_scheme(text: str) -> bool:
    """Whether a transport could listen under this scheme (RFC 3986, section 3.1, in small letters).

    >>> is_scheme("grpc"), is_scheme("mailbox"), is_scheme("Grpc"), is_scheme("")
    (True, True, False, False)
    """
    return _SCHEME.fullmatch(text) is not None


def parse_endpoint(text: str) -> Endpoint:
    """Read ``[scheme://]host:port``; grpc when nothing is said.

    Transports come from plugins, so any scheme is taken: an address that no transport of a node dials is passed over.

    >>> str(parse_endpoint("node.example:5001"))
    'grpc://node.example:5001'
    """
    scheme, mark, rest = text.strip().partition("://")
    if not mark:
        scheme, rest = _DEFAULT_SCHEME, scheme
    if not is_scheme(scheme):
        raise ValueError(
            f"{text!r} starts with {scheme!r} and '://'; a scheme is a small letter, then small letters, digits, '+', '.' or '-'"
        )
    host, port = parse_host_port(rest)
    if port == 0:
        raise ValueError(f"{text!r} has port 0; a peer listens on 1 to {_MAX_PORT}")
    return Endpoint(scheme, host, port)


def parse_bootstrap(text: str) -> BootstrapEntry:
    """Read ``[scheme://]host:port[#PEER_ID]``.

    >>> parse_bootstrap("[::1]:5001").endpoint.host
    '::1'
    """
    address, mark, pinned = text.strip().partition("#")
    return BootstrapEntry(parse_endpoint(address), parse_peer_id(pinned) if mark else None)


@dataclass(frozen=True, slots=True)
class PeerRecord:
    """What a peer says of itself, under its signature. A record is replaced only by one with a higher ``seq``."""

    peer_id: PeerId
    public_key: bytes
    network_id: str
    seq: int
    endpoints: tuple[Endpoint, ...]
    """Where it listens, best first; empty for a peer that can only dial."""
    name: str
    software: str
    signed: bytes
    """The very bytes that were signed; they are what is passed on, unknown fields included."""
    signature: bytes
    tls_keys: tuple[bytes, ...] = ()
    """SHA-256 of the public keys of its certificates: the one in use, and those it used before. Mode ``open`` needs them."""


class RungView(NamedTuple):
    """What is known of one transport of a peer, for people."""

    transport: str
    breaker: str
    """closed | open | half-open"""
    last_error: str
    last_error_age_s: float | None


@dataclass(frozen=True, slots=True)
class PeerRow:
    """One row of the peer table: the record of a peer and what this node itself has seen of it."""

    record: PeerRecord
    first_seen_at: int
    last_seen_at: int
    """Unix seconds of the last verified contact, 0 when there was none; never taken from the wire."""
    failures: int = 0
    """Failed dials in a row."""
    is_bootstrap: bool = False
    proved_at: int = 0
    """Unix seconds of the last handshake with it, 0 while all that is known of it is hearsay."""
    last_attempt_at: int = 0
    """Unix seconds at which it last failed to answer, 0 for never."""
    source: PeerId | None = None
    """Who told of it first: the peer itself after a handshake, None for what no peer told."""
    source_host: str = ""
    seen_host: str = ""
    """Where it was proved: the host that was dialled, or from which it dialled."""
    rtt_ms: float | None = None
    """Round trip when it was last measured."""
