"""Peers to put into a table."""

from __future__ import annotations

from sorcha_peer_core.model.ids import PeerId
from sorcha_peer_core.model.peer import Endpoint, PeerRecord
from sorcha_peer_core.protocol.peer_table import PeerTable

SECRET = b"a secret of this node"
NOW = 1_767_225_600
HOUR = 3600
DAY = 24 * HOUR


def peer_id(number: int) -> PeerId:
    return PeerId(f"{number:040x}")


def record(number: int, host: str = "127.0.0.1", seq: int = 1) -> PeerRecord:
    """What the peer with this number says of itself; without a host it listens nowhere."""
    endpoints = (Endpoint("grpc", host, 5001),) if host else ()
    return PeerRecord(peer_id(number), b"", "sorcha", seq, endpoints, "", "", b"", b"")


def met(table: PeerTable, number: int, host: str, at: int = NOW) -> PeerId | None:
    """The peer links to this node."""
    table.add(record(number, host), peer_id(number), host, at)
    return table.prove(peer_id(number), at, host)
