"""PeerDiscovery for clients of the published protocol: list, register, ping, exchange. Times are Unix seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sorcha_peer_core.interfaces.peer_api import PeerApi
from sorcha_peer_core.wire import peer_discovery_pb2 as pb
from sorcha_peer_core.wire.methods import PEER_DISCOVERY
from sorcha_peer_core.wire.peer_info import info_problem, peer_infos, registered_peer
from sorcha_transport_grpc.answering import answering, answering_caller

if TYPE_CHECKING:
    from sorcha_transport_grpc.endpoint import GrpcEndpoint


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
        return pb.PeerListResponse(peers=peer_infos(peers), total_peers=total)

    def register_peer(self, request: pb.RegisterPeerRequest, caller: str) -> pb.RegisterPeerResponse:
        info = request.peer_info
        problem = info_problem(info)
        success, message = (
            (False, f"peer_info.{' '.join(problem)}") if problem else self._api.register(registered_peer(info), caller)
        )
        return pb.RegisterPeerResponse(success=success, message=message)

    def ping(self, request: pb.PingRequest) -> pb.PingResponse:
        self._api.ping(request.peer_id)
        return pb.PingResponse(peer_id=self._api.own().peer_id, timestamp=int(self._clock()), status=pb.ONLINE)

    def exchange_peers(self, request: pb.PeerExchangeRequest) -> pb.PeerExchangeResponse:
        # What the client says of other peers is hearsay of somebody unknown: it is not merged.
        peers, _ = self._api.peer_list(request.peer_id, request.max_peers)
        return pb.PeerExchangeResponse(known_peers=peer_infos(peers), success=True)
