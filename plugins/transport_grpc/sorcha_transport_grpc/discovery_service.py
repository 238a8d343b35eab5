"""PeerDiscovery for clients of the published protocol: list, register, ping, exchange. Times are Unix seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from sorcha_peer_core.interfaces.service import PeerApi, RegisteredPeer
from sorcha_peer_core.wire import peer_discovery_pb2 as pb
from sorcha_peer_core.wire.methods import PEER_DISCOVERY
from sorcha_transport_grpc.answering import answering, answering_caller

if TYPE_CHECKING:
    from sorcha_transport_grpc.endpoint import GrpcEndpoint

_MAX_PORT = 65535
_MAX_INT32 = 2**31 - 1


def serve_discovery(endpoint: GrpcEndpoint, api: PeerApi, clock: Callable[[], float] = time.time) -> None:
    """Put the service on the endpoint; ``clock`` tells Unix seconds."""
    service = _Discovery(api, clock)
    endpoint.serve(PEER_DISCOVERY["GetPeerList"], answering(service.get_peer_list))
    endpoint.serve(PEER_DISCOVERY["RegisterPeer"], answering_caller(service.register_peer))
    endpoint.serve(PEER_DISCOVERY["Ping"], answering(service.ping))
    endpoint.serve(PEER_DISCOVERY["ExchangePeers"], answering(service.exchange_peers))


class _Discovery:
    def __init__(self, api: PeerApi, clock: Callable[[], float]) -> None:
        self._api = api
        self._clock = clock

    def get_peer_list(self, request: pb.PeerListRequest) -> pb.PeerListResponse:
        peers, total = self._api.peer_list(request.requesting_peer_id, request.max_peers)
        return pb.PeerListResponse(peers=_infos(peers), total_peers=total)

    def register_peer(self, request: pb.RegisterPeerRequest, caller: str) -> pb.RegisterPeerResponse:
        info = request.peer_info
        problem = _problem_of(info)
        success, message = (False, problem) if problem else self._api.register(_registered(info), caller)
        return pb.RegisterPeerResponse(success=success, message=message)

    def ping(self, request: pb.PingRequest) -> pb.PingResponse:
        self._api.ping(request.peer_id)
        return pb.PingResponse(peer_id=self._api.own().peer_id, timestamp=int(self._clock()), status=pb.ONLINE)

    def exchange_peers(self, request: pb.PeerExchangeRequest) -> pb.PeerExchangeResponse:
        # What the client says of other peers is hearsay of somebody unknown: it is not merged.
        peers, _ = self._api.peer_list(request.peer_id, request.max_peers)
        return pb.PeerExchangeResponse(known_peers=_infos(peers), success=True)


def _problem_of(info: pb.PeerInfo) -> str:
    if not info.peer_id:
        return "peer_info.peer_id is empty"
    if not info.address:
        return "peer_info.address is empty"
    if not 1 <= info.port <= _MAX_PORT:
        return f"peer_info.port is {info.port}; it can be 1 to {_MAX_PORT}"
    return ""


def _registered(info: pb.PeerInfo) -> RegisteredPeer:
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


def _infos(peers: Iterable[RegisteredPeer]) -> Iterator[pb.PeerInfo]:
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
