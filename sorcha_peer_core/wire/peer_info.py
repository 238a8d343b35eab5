"""Peers as the classic discovery service writes them, whichever way it is served."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sorcha_peer_core.interfaces.peer_api import RegisteredPeer
from sorcha_peer_core.wire import peer_discovery_pb2 as pb

MOST_PROTOCOLS = 16
_MAX_PORT = 65535
_MAX_INT32 = 2**31 - 1


def info_problem(info: pb.PeerInfo) -> tuple[str, str] | None:
    """What is wrong with a registration: the proto name of the field and the rest of the sentence; None when nothing is."""
    if not info.peer_id:
        return "peer_id", "is empty"
    if not info.address:
        return "address", "is empty"
    if not 1 <= info.port <= _MAX_PORT:
        return "port", f"is {info.port}; it can be 1 to {_MAX_PORT}"
    if len(info.supported_protocols) > MOST_PROTOCOLS:
        return "supported_protocols", f"has {len(info.supported_protocols)} entries; at most {MOST_PROTOCOLS} are allowed"
    return None


def registered_peer(info: pb.PeerInfo) -> RegisteredPeer:
    """What a client says of itself."""
    return RegisteredPeer(
        peer_id=info.peer_id,
        address=info.address,
        port=info.port,
        protocols=tuple(info.supported_protocols),
        last_seen_at=0,
        supports_streaming=info.capabilities.supports_streaming,
        supports_distribution=info.capabilities.supports_transaction_distribution,
        max_transaction_bytes=max(0, info.capabilities.max_transaction_size),
    )


def peer_infos(peers: Iterable[RegisteredPeer]) -> Iterator[pb.PeerInfo]:
    """Peers for an answer."""
    for peer in peers:
        yield pb.PeerInfo(
            peer_id=peer.peer_id,
            address=peer.address,
            port=peer.port,
            supported_protocols=peer.protocols,
            last_seen=peer.last_seen_at,
            capabilities=pb.PeerCapabilities(
                supports_streaming=peer.supports_streaming,
                supports_transaction_distribution=peer.supports_distribution,
                max_transaction_size=min(peer.max_transaction_bytes, _MAX_INT32),
            ),
        )
