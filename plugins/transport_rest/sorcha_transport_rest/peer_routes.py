"""Peers for clients of the published protocol: register, list, ping. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request

from sorcha_peer_core.interfaces.peer_api import PeerApi
from sorcha_peer_core.wire import peer_discovery_pb2 as pb
from sorcha_peer_core.wire.peer_info import info_problem, peer_infos, registered_peer
from sorcha_transport_rest.answers import Refused, client_errors, message_answer, number_of, read_message
from sorcha_transport_rest.calls import JSON

_MAX_INT32 = 2**31 - 1
_JSON_NAMES = {"peer_id": "peerId", "supported_protocols": "supportedProtocols"}
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
        problem = info_problem(asked.peer_info)
        if problem:
            field, flaw = problem
            raise Refused(400, f"peerInfo.{_JSON_NAMES.get(field, field)} {flaw}")
        with client_errors():
            success, sentence = self._api.register(registered_peer(asked.peer_info), self._caller_of())
        if not success:
            raise Refused(409, sentence)
        return message_answer(pb.RegisterPeerResponse(success=True, message=sentence))

    def list_peers(self) -> Response:
        """Linked peers and registered clients."""
        most = number_of("max_peers", 0, most=_MAX_INT32)
        peers, total = self._api.peer_list(request.args.get("requesting_peer_id", ""), most)
        return message_answer(pb.PeerListResponse(peers=peer_infos(peers), total_peers=total))

    def ping(self) -> Response:
        """Say that a client is there, and hear that this node is."""
        self._api.ping(request.args.get("peer_id", ""))
        own = self._api.own()
        return message_answer(pb.PingResponse(peer_id=own.peer_id, timestamp=int(self._clock()), status=pb.ONLINE))
