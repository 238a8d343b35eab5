"""Peers for clients of the published protocol: register, list, ping. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from flask import Blueprint, Response, request

from sorcha_peer_core.interfaces.service import PeerApi, RegisteredPeer
from sorcha_peer_core.wire import peer_discovery_pb2 as pb
from sorcha_transport_rest.answers import Refused, client_errors, message_answer, number_of, read_message
from sorcha_transport_rest.calls import JSON

_MAX_PORT = 65535
_MAX_INT32 = 2**31 - 1
_MAX_BODY_BYTES = 64 * 1024


class PeerRoutes:
    """``/api/v1/peers``."""

    def __init__(self, api: PeerApi, clock: Callable[[], float], caller_of: Callable[[], str]) -> None:
        self._api = api
        self._caller_of = caller_of
        self._clock = clock

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("peers", __name__, url_prefix="/api/v1/peers")
        routes.add_url_rule("/register", "register", self.register, methods=["POST"])
        routes.add_url_rule("/list", "list", self.list_peers, methods=["GET"])
        routes.add_url_rule("/ping", "ping", self.ping, methods=["GET"])
        return routes

    def register(self) -> Response:
        """List a client."""
        asked = read_message(pb.RegisterPeerRequest, most_bytes=_MAX_BODY_BYTES, media_types=(JSON,))
        problem = _problem_of(asked.peer_info)
        if problem:
            raise Refused(400, problem)
        with client_errors():
            success, sentence = self._api.register(_registered(asked.peer_info), self._caller_of())
        if not success:
            raise Refused(409, sentence)
        return message_answer(pb.RegisterPeerResponse(success=True, message=sentence))

    def list_peers(self) -> Response:
        """Linked peers and registered clients."""
        most = number_of("max_peers", 0, most=_MAX_INT32)
        peers, total = self._api.peer_list(request.args.get("requesting_peer_id", ""), most)
        return message_answer(pb.PeerListResponse(peers=_infos(peers), total_peers=total))

    def ping(self) -> Response:
        """Say that a client is there, and hear that this node is."""
        self._api.ping(request.args.get("peer_id", ""))
        own = self._api.own()
        return message_answer(pb.PingResponse(peer_id=own.peer_id, timestamp=int(self._clock()), status=pb.ONLINE))


def _problem_of(info: pb.PeerInfo) -> str:
    if not info.peer_id:
        return "peerInfo.peerId is empty"
    if not info.address:
        return "peerInfo.address is empty"
    if not 1 <= info.port <= _MAX_PORT:
        return f"peerInfo.port is {info.port}; it can be 1 to {_MAX_PORT}"
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
