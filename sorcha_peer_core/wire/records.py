"""Signed peer records, in both directions."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.model.ids import peer_id_of
from sorcha_peer_core.model.peer import Endpoint, PeerRecord, is_scheme
from sorcha_peer_core.wire import session_pb2 as pb

MAX_RECORD_BYTES = 2048
MAX_ENDPOINTS = 8
MAX_TLS_KEYS = 4
_MAX_HOST_CHARS = 255
_MAX_PORT = 65535
_MAX_TEXT_CHARS = 64
_MAX_STORABLE = 2**63 - 1
"""Integers of databases are signed."""


def encode_record(
    public_key: bytes,
    network_id: str,
    seq: int,
    endpoints: tuple[Endpoint, ...],
    name: str,
    software: str,
    tls_keys: tuple[bytes, ...] = (),
) -> bytes:
    """The bytes a peer signs about itself."""
    return pb.PeerRecord(
        public_key=public_key,
        network_id=network_id,
        seq=seq,
        endpoints=[encode_endpoint(endpoint) for endpoint in endpoints[:MAX_ENDPOINTS]],
        name=name,
        software=software,
        tls_keys=tls_keys[:MAX_TLS_KEYS],
    ).SerializeToString(deterministic=True)


def decode_record(signed: bytes, signature: bytes) -> PeerRecord:
    """Read a record; the signature is **not** checked here.

    Raises:
        RemoteProtocolError: it is no record, too large, or holds something out of bounds.
    """
    if len(signed) > MAX_RECORD_BYTES:
        raise RemoteProtocolError(f"a peer record of {len(signed)} bytes; at most {MAX_RECORD_BYTES} are allowed")
    try:
        record = pb.PeerRecord.FromString(signed)
        peer_id = peer_id_of(record.public_key)
    except (DecodeError, ValueError) as error:
        raise RemoteProtocolError(f"a peer record that cannot be read: {error}") from None
    if len(record.endpoints) > MAX_ENDPOINTS:
        raise RemoteProtocolError(f"a peer record with {len(record.endpoints)} endpoints; at most {MAX_ENDPOINTS} are allowed")
    return PeerRecord(
        peer_id=peer_id,
        public_key=record.public_key,
        network_id=record.network_id,
        seq=storable(record.seq),
        endpoints=tuple(Endpoint(e.scheme, e.host, e.port) for e in record.endpoints if _is_dialable(e)),
        name=printable(record.name, _MAX_TEXT_CHARS),
        software=printable(record.software, _MAX_TEXT_CHARS),
        signed=signed,
        signature=signature,
        tls_keys=tuple(record.tls_keys[:MAX_TLS_KEYS]),
    )


def encode_endpoint(endpoint: Endpoint) -> pb.Endpoint:
    """An address as it stands in records and messages."""
    return pb.Endpoint(scheme=endpoint.scheme, host=endpoint.host, port=endpoint.port)


def decode_endpoint(endpoint: pb.Endpoint) -> Endpoint:
    """Read one; raises RemoteProtocolError for what nobody could dial."""
    if not _is_dialable(endpoint):
        raise RemoteProtocolError("an endpoint that nobody could dial")
    return Endpoint(endpoint.scheme, endpoint.host, endpoint.port)


def storable(number: int) -> int:
    """A place, an epoch or a ``seq`` that a store can keep; raises RemoteProtocolError for others."""
    if number > _MAX_STORABLE:
        raise RemoteProtocolError(f"the number {number}, which is above {_MAX_STORABLE}")
    return number


def printable(text: str, most_chars: int) -> str:
    """What is left of a text that strangers choose and people read."""
    text = text[:most_chars]
    return text if text.isprintable() else "".join(c for c in text if c.isprintable())


def _is_dialable(endpoint: pb.Endpoint) -> bool:
    has_host = 0 < len(endpoint.host) <= _MAX_HOST_CHARS and endpoint.host.isprintable()
    return is_scheme(endpoint.scheme) and 0 < endpoint.port <= _MAX_PORT and has_host
