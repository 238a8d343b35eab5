"""Everything that reads what strangers send, with something right of every kind to begin from."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fuzz_messages import HASH, HEADER, every_message
from service_parts import NETWORK_ID, identity_of, local_side, record_of

from sorcha_nat_stun.errors import NoAnswer
from sorcha_nat_stun.errors import Refused as StunRefused
from sorcha_nat_stun.stun_message import read_answer
from sorcha_peer_admin.batch import submission_of_line
from sorcha_peer_core.builtin.bootstrap_file import BootstrapFile
from sorcha_peer_core.client.connection import _object_of
from sorcha_peer_core.errors import NodeUnreachable, RemoteProtocolError, SubmissionRefused
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES
from sorcha_peer_core.model.ids import parse_tx_hash
from sorcha_peer_core.model.peer import parse_bootstrap
from sorcha_peer_core.services.registrations import Registrations
from sorcha_peer_core.services.session import Handshake
from sorcha_peer_core.wire import peer_communication_pb2, peer_discovery_pb2, transaction_distribution_pb2
from sorcha_peer_core.wire.bodies import from_json, to_json
from sorcha_peer_core.wire.codec import decode_batch, decode_header, encode_frame, encode_header
from sorcha_peer_core.wire.compress import FORMS, compressed, plain
from sorcha_peer_core.wire.methods import MAX_QUESTION_BYTES, PEER_COMMUNICATION, PEER_DISCOVERY, TRANSACTION_DISTRIBUTION
from sorcha_peer_core.wire.peer_info import info_problem, registered_peer
from sorcha_peer_core.wire.polled_pipe import PolledPipe
from sorcha_peer_core.wire.records import MAX_RECORD_BYTES, decode_record
from sorcha_transport_rest.calls import parse_token


class Decoder(NamedTuple):
    """One of them."""

    read: Callable[[bytes], object]
    samples: Callable[[], Sequence[bytes]]
    refuses: tuple[type[Exception], ...]
    """The errors it documents."""
    most_bytes: int
    """The most it is given, or makes of what it is given."""


# Frames.


def _frames() -> list[bytes]:
    return [encode_frame(message) for message in every_message()]


def _packed() -> list[bytes]:
    batch = b"".join(_frames())
    return [compressed(part, form) for form in FORMS for part in (batch, bytes(100), bytes(MAX_BATCH_BYTES), *_frames()[:5])]


def _record(data: bytes) -> object:
    return decode_record(data, bytes(64))


LISTENER, DIALLER = identity_of(1), identity_of(2)


def _local(identity: Any) -> Any:
    record = record_of(identity)
    return local_side(identity, lambda: record, forms=FORMS)


_LISTENING, _DIALLING = _local(LISTENER), _local(DIALLER)


def _hellos() -> list[bytes]:
    """Of a dialler that never proves that it holds a key, and proofs of other handshakes."""
    first = Handshake(_DIALLING, True, b"")
    answer = Handshake(_LISTENING, False, b"").receive(first.first())
    assert answer is not None
    hello, proof = first.first(), first.receive(answer)
    assert proof is not None
    return [encode_frame(hello), encode_frame(hello) + encode_frame(proof), encode_frame(proof), encode_frame(answer), *_frames()]


def _handshake(data: bytes) -> object:
    handshake = Handshake(_LISTENING, False, b"")
    for message in decode_batch(data):
        handshake.receive(message)
        assert not handshake.done, "somebody was authenticated without a proof for this handshake"
    return None


# The services of the published protocol, and the pipes that are made of calls.

_METHODS = (*PEER_DISCOVERY.values(), *TRANSACTION_DISTRIBUTION.values(), *PEER_COMMUNICATION.values())
_INFO = peer_discovery_pb2.PeerInfo(
    peer_id="a" * 40,
    address="192.0.2.1",
    port=5001,
    supported_protocols=["Grpc", "Rest"],
    last_seen=1_700_000_000,
    capabilities=peer_discovery_pb2.PeerCapabilities(supports_streaming=True, max_transaction_size=1000),
    advertised_registers=[peer_discovery_pb2.PeerRegisterAdvertisement(register_id="r", latest_version=3)],
)
_REQUESTS: tuple[Any, ...] = (
    peer_discovery_pb2.RegisterPeerRequest(peer_info=_INFO),
    peer_discovery_pb2.PeerListRequest(requesting_peer_id="b" * 40, max_peers=7),
    peer_discovery_pb2.PingRequest(peer_id="b" * 40),
    peer_discovery_pb2.PeerExchangeRequest(peer_id="b" * 40, known_peers=[_INFO, _INFO], max_peers=3),
    transaction_distribution_pb2.TransactionNotification(
        transaction_hash=HASH.hex(), sender_peer_id="b" * 40, timestamp=1, transaction_size=5, register_id="r"
    ),
    transaction_distribution_pb2.TransactionRequest(transaction_hash=HASH.hex(), requesting_peer_id="c"),
    peer_communication_pb2.PeerMessage(
        message_type=peer_communication_pb2.SESSION_BATCH, payload=b"batch", link_token=bytes(16), batch_number=1, wait_ms=5
    ),
)


def _classic(data: bytes) -> object:
    """The same bytes to every method: a caller chooses."""
    answers = [_answer(method.parse_request(data)) for method in _METHODS]
    if all(answer is None for answer in answers):
        raise RemoteProtocolError("nothing of this can be read")
    return answers


def _answer(request: Any) -> object:
    """What the services look at first."""
    match request:
        case None:
            return None
        case peer_discovery_pb2.RegisterPeerRequest():
            info = request.peer_info
            return info_problem(info) or Registrations().add(registered_peer(info), "192.0.2.1")
        case transaction_distribution_pb2.TransactionNotification() | transaction_distribution_pb2.TransactionRequest():
            return _hash_or_sentence(request.transaction_hash)
        case peer_communication_pb2.PeerMessage():
            return _arrived(request)
    return request


def _hash_or_sentence(text: str) -> object:
    try:
        return parse_tx_hash(text)
    except ValueError as sentence:
        return str(sentence)


def _arrived(message: Any) -> object:
    pipe = PolledPipe(most_ahead=2)
    try:
        pipe.arrive(message.batch_number, message.payload)
    except RemoteProtocolError as error:
        return str(error)
    return pipe.deliver()


def _rest(data: bytes) -> object:
    """As JSON, to every route that takes it."""
    read: list[object] = []
    error: RemoteProtocolError | None = None
    for kind in {type(request) for request in _REQUESTS}:
        try:
            read.append(_answer(from_json(kind, data)))
        except RemoteProtocolError as refused:
            # It is the text of an answer.
            json.dumps(str(refused)).encode()
            error = refused
    if not read and error is not None:
        raise error
    return read


def _token(data: bytes) -> object:
    return parse_token(data.decode("latin-1"))


# Lines.


def _lines() -> list[bytes]:
    payload = b64encode(b"payload").decode()
    return [
        json.dumps({"payload_b64": payload}).encode(),
        json.dumps({"payload_b64": payload, "content_type": "text/plain", "register_id": "r"}).encode(),
        json.dumps({"payload_b64": payload, "content_type": "\u00e4\ud800", "register_id": None}).encode(),
        b'{"payload_b64": 1e999, "register_id": [[[]]]}',
    ]


def _line(data: bytes) -> object:
    return submission_of_line(data, 1000)


def _bootstrap(data: bytes) -> object:
    """A file of them, and each line of it as an entry."""
    text = data.decode("utf-8", errors="surrogateescape")
    file = BootstrapFile(Path("first-contacts"))
    file._read = lambda: text  # type: ignore[method-assign]  # no disk in between
    good = file.entries()
    parse_bootstrap(text)
    return good


def _datagram(data: bytes) -> object:
    return read_answer(data, _STUN_ID)


_STUN_ID = bytes(range(12))
_STUN = (
    bytes.fromhex("0101000c2112a442") + _STUN_ID + bytes.fromhex("002000080001a147e112a643"),
    bytes.fromhex("010100182112a442") + _STUN_ID + bytes.fromhex("002000140002a147") + bytes(16),
    bytes.fromhex("0111000c2112a442") + _STUN_ID + bytes.fromhex("000900080000040042616421"),
    bytes.fromhex("010100182112a442") + _STUN_ID + bytes.fromhex("00010008000113880a000001802c0008000113890a000002"),
)

DECODERS: dict[str, Decoder] = {
    "batch": Decoder(decode_batch, _frames, (RemoteProtocolError,), MAX_BATCH_BYTES),
    "compressed": Decoder(lambda data: plain(data, FORMS), _packed, (RemoteProtocolError,), MAX_BATCH_BYTES),
    "header": Decoder(decode_header, lambda: [encode_header(HEADER)], (RemoteProtocolError,), 64 * 1024),
    "record": Decoder(
        _record, lambda: [record_of(identity_of(n), network_id=NETWORK_ID).signed for n in (1, 2)], (RemoteProtocolError,),
        64 * 1024 + MAX_RECORD_BYTES,
    ),
    "handshake": Decoder(_handshake, _hellos, (RemoteProtocolError,), MAX_BATCH_BYTES),
    "grpc": Decoder(
        _classic, lambda: [request.SerializeToString() for request in _REQUESTS], (RemoteProtocolError,), 4 * MAX_QUESTION_BYTES
    ),
    "rest": Decoder(_rest, lambda: [to_json(request) for request in _REQUESTS], (RemoteProtocolError,), MAX_BATCH_BYTES),
    "token": Decoder(_token, lambda: [b64encode(bytes(16)), b64encode(b"x" * 16)], (RemoteProtocolError,), 64 * 1024),
    "management": Decoder(_line, _lines, (ValueError, SubmissionRefused), MAX_BATCH_BYTES),
    "client": Decoder(lambda data: _object_of(data, "http://node"), _lines, (NodeUnreachable,), 16 * MAX_BATCH_BYTES),
    "bootstrap": Decoder(
        _bootstrap, lambda: [b"grpc://node.example:5001#" + b"ab" * 20, b"[::1]:5001", b"# one\nhost:1\n\nrest://h:80 # two"],
        (ValueError,), MAX_BATCH_BYTES,
    ),
    "stun": Decoder(_datagram, lambda: _STUN, (NoAnswer, StunRefused), 64 * 1024),
}  # fmt: skip
