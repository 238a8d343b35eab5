"""The OpenAPI document of the REST port: what exists now, and nothing else."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from sorcha_transport_rest.calls import JSON, MESSAGES_PATH, POLL_WAIT_S, PROTOBUF, TOKEN_HEADER


class OpenApiRoutes:
    """``/api/v1/openapi.json``."""

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("openapi", __name__)
        routes.add_url_rule("/api/v1/openapi.json", view_func=self.openapi, methods=["GET"])
        return routes

    def openapi(self) -> Response:
        """The document."""
        return jsonify(DOCUMENT)


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(name: str, *media_types: str) -> dict[str, Any]:
    # The protobuf form is that of the message of the same name.
    return {
        media_type: {"schema": _ref(name) if media_type == JSON else {"type": "string", "format": "binary", "title": name}}
        for media_type in media_types
    }


def _body(name: str, *media_types: str) -> dict[str, Any]:
    return {"required": True, "content": _content(name, *media_types)}


def _ok(description: str, name: str, *media_types: str) -> dict[str, Any]:
    return {"200": {"description": description, "content": _content(name, *media_types)}}


def _operation(summary: str, success: dict[str, Any], *errors: int, **more: Any) -> dict[str, Any]:
    refusals = {str(status): {"$ref": "#/components/responses/Error"} for status in (*errors, 500)}
    return {"summary": summary, **more, "responses": success | refusals}


def _parameter(name: str, where: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": schema, "description": description}


_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_INT32 = {"type": "integer", "format": "int32"}
_INT64 = {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$", "description": "a number, written as text"}
_BYTES = {"type": "string", "contentEncoding": "base64"}
_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the payload, in hex"}
_WAIT = {"type": "integer", "minimum": 0, "maximum": int(POLL_WAIT_S)}
_COUNT = {"type": "integer", "minimum": 0}

SCHEMAS: dict[str, Any] = {
    "Error": _object(error=_object(code=_TEXT, message=_TEXT)),
    "PeerRegisterAdvertisement": _object(registerId=_TEXT, hasFullReplica=_FLAG, latestVersion=_INT64, isPublic=_FLAG),
    "PeerCapabilities": _object(
        supportsStreaming=_FLAG, supportsTransactionDistribution=_FLAG, maxTransactionSize=_INT32
    ),
    "PeerInfo": _object(
        peerId=_TEXT, address=_TEXT, port=_INT32, supportedProtocols=_list(_TEXT), lastSeen=_INT64,
        capabilities=_ref("PeerCapabilities"), advertisedRegisters=_list(_ref("PeerRegisterAdvertisement")), isSeedNode=_FLAG,
    ),
    "RegisterPeerRequest": _object(peerInfo=_ref("PeerInfo")),
    "RegisterPeerResponse": _object(success=_FLAG, message=_TEXT),
    "PeerListResponse": _object(peers=_list(_ref("PeerInfo")), totalPeers=_INT32),
    "PingResponse": _object(
        peerId=_TEXT, timestamp=_INT64, status={"type": "string", "enum": ["UNKNOWN", "ONLINE", "OFFLINE", "BUSY"]}
    ),
    "TransactionNotification": _object(
        transactionHash=_HASH, senderPeerId=_TEXT, timestamp=_INT64, transactionSize=_INT64, registerId=_TEXT
    ),
    "NotificationAck": _object(alreadyKnown=_FLAG, willRequest=_FLAG),
    "PeerMessage": _object(
        senderPeerId=_TEXT, recipientPeerId=_TEXT,
        messageType={"type": "string", "description": "SESSION_BATCH; anything else is answered with received: false"},
        payload=_BYTES, timestamp=_INT64, linkToken=_BYTES, batchNumber=_INT64, waitMs=_COUNT, close=_FLAG,
    ),
    "MessageAck": _object(received=_FLAG, timestamp=_INT64, linkToken=_BYTES, batchNumber=_INT64, batch=_BYTES, closed=_FLAG),
}  # fmt: skip

_TOKEN = _parameter(TOKEN_HEADER, "header", _BYTES, "the `linkToken` of the answer that opened the link")
_PAYLOAD = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}

_PATHS: dict[str, Any] = {
    MESSAGES_PATH: {
        "post": _operation(
            "Open a link (without a token), hand over one batch of it, or close it",
            _ok("Received. The answer that opens a link has its token.", "MessageAck", PROTOBUF, JSON),
            400, 408, 410, 413, 415, 429, 503, parameters=[_TOKEN], requestBody=_body("PeerMessage", PROTOBUF, JSON)),
        "get": _operation(
            "Wait for a batch of a link",
            _ok("A batch, or none came in time.", "MessageAck", PROTOBUF, JSON), 400, 410, parameters=[_TOKEN,
            _parameter("wait", "query", _WAIT, "seconds to wait at most")]),
    },
    "/api/v1/peers/register": {"post": _operation(
        "List a client for an hour; it is dialled back at its port at the address that the request came from",
        _ok("It is listed.", "RegisterPeerResponse", JSON), 400, 408, 409, 413, 415,
        requestBody=_body("RegisterPeerRequest", JSON))},
    "/api/v1/peers/list": {"get": _operation(
        "Linked peers and registered clients", _ok("Some of them, and how many there are.", "PeerListResponse", JSON), 400,
        parameters=[_parameter("max_peers", "query", _COUNT, "most peers in the answer; 0: 100"),
                    _parameter("requesting_peer_id", "query", _TEXT, "this one is left out")])},
    "/api/v1/peers/ping": {"get": _operation(
        "Ask whether this node is there", _ok("It is.", "PingResponse", JSON),
        parameters=[_parameter("peer_id", "query", _TEXT, "a registered client that is still there as well")])},
    "/api/v1/transactions/notify": {"post": _operation(
        "Say that a registered client has a transaction",
        _ok("Whether this node knows it, or else will ask the client for it.", "NotificationAck", JSON), 400, 408, 413, 415,
        requestBody=_body("TransactionNotification", JSON))},
    "/api/v1/transactions/{tx_hash}": {"get": _operation(
        "The payload of one transaction",
        {"200": {"description": "Byte for byte.", **_PAYLOAD}, 
         "206": {"description": "The range that was asked for.", **_PAYLOAD},
         "304": {"description": "The client has it already."}}, 400, 404, 416,
        parameters=[_parameter("tx_hash", "path", _HASH, "its name"),
                    _parameter("Range", "header", _TEXT, "one range of bytes")])},
    "/api/v1/openapi.json": {"get": _operation(
        "This document", {"200": {"description": "OpenAPI 3.1.", "content": {JSON: {"schema": {"type": "object"}}}}})},
}  # fmt: skip

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Sorcha Peer",
        "version": "1",
        "description": "What peers and other clients ask one node over HTTP. Messages are those of the published .proto files.",
    },
    "paths": _PATHS,
    "components": {
        "responses": {"Error": {"description": "The request was refused; `code` is stable.", "content": _content("Error", JSON)}},
        "schemas": SCHEMAS,
    },
}
