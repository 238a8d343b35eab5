"""Messages as bodies of HTTP requests: bytes and JSON."""

from __future__ import annotations

import json

import pytest

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.wire.bodies import MOST_JSON_PARTS, from_bytes, from_json, to_json
from sorcha_peer_core.wire.peer_communication_pb2 import SESSION_BATCH, PeerMessage
from sorcha_peer_core.wire.peer_discovery_pb2 import PeerInfo, PingResponse, RegisterPeerRequest


def test_a_message_survives_both_forms():
    message = PeerMessage(message_type=SESSION_BATCH, payload=b"\x00\xff", batch_number=2**63, link_token=b"t", close=True)

    assert from_bytes(PeerMessage, message.SerializeToString()) == message
    assert from_json(PeerMessage, to_json(message)) == message


def test_json_has_every_field_in_lower_camel_case():
    answer = json.loads(to_json(PingResponse(peer_id="x", timestamp=5)))

    assert answer == {"peerId": "x", "timestamp": "5", "status": "UNKNOWN"}


def test_a_field_that_nobody_knows_yet_is_passed_over():
    assert from_json(RegisterPeerRequest, b'{"peerInfo": {"peerId": "x", "new": [1]}}').peer_info == PeerInfo(peer_id="x")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 4_000, b'{"a": ' * 4_000 + b"1" + b"}" * 4_000])
def test_what_is_not_json_is_refused_without_a_word_of_ours(data: bytes):
    with pytest.raises(RemoteProtocolError, match=r"^the body is not JSON$"):
        from_json(RegisterPeerRequest, data)


@pytest.mark.parametrize("part", [b"[],", b"{},", b"[", b"1,"])
def test_a_body_of_more_parts_than_any_message_has_is_refused_before_it_is_read(part: bytes):
    data = b'{"a": [' + part * (MOST_JSON_PARTS + 1)

    with pytest.raises(RemoteProtocolError, match="more than 4096 parts"):
        from_json(RegisterPeerRequest, data)


@pytest.mark.parametrize("data", [b"null", b"1", b"[]", b'"x"'])
def test_json_that_is_no_object_is_refused(data: bytes):
    with pytest.raises(RemoteProtocolError, match=r"^the body is not a JSON object$"):
        from_json(RegisterPeerRequest, data)


@pytest.mark.parametrize("data", [b'{"peerInfo": 1}', b'{"peerInfo": {"port": "x"}}', b'{"peerInfo": {"port": 1e999}}'])
def test_a_field_of_the_wrong_kind_is_named(data: bytes):
    with pytest.raises(RemoteProtocolError, match="peerInfo"):
        from_json(RegisterPeerRequest, data)


def test_bytes_that_are_no_message_are_refused():
    with pytest.raises(RemoteProtocolError, match="2 bytes are no PeerMessage"):
        from_bytes(PeerMessage, b"\xff\xff")
