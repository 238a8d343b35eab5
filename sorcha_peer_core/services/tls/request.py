"""What a node asks an authority for: a certificate for its TLS key, signed with the key that the node is known by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from sorcha_peer_core.errors import PeerError
from sorcha_peer_core.model.ids import PeerId, peer_id_of, short
from sorcha_peer_core.services.identity import Identity
from sorcha_peer_core.services.security import is_signed_by
from sorcha_peer_core.services.tls.certificates import (
    common_name,
    key_pem,
    new_key,
    node_names,
    parse_peer_uri,
    peer_uri,
    peer_uris,
)
from sorcha_peer_core.services.tls.files import SECRET, Draft, create
from sorcha_peer_core.services.tls.pair import read_key

REQUEST_DOMAIN = b"sorcha-peer-certificate-request:v1:"
_KIND = "sorcha-peer certificate request"
_VERSION = 1
_MOST_BYTES = 65_536


class RequestRefused(PeerError):
    """A request for a certificate is not one, or is not signed by the node it is for."""


class Request(NamedTuple):
    """A request whose two signatures were checked: one by the TLS key, one by the node's identity."""

    network_id: str
    peer_id: PeerId
    key: ec.EllipticCurvePublicKey


def make_request(key_file: Path, network_id: str, identity: Identity) -> bytes:
    """The content of a request file for a node; its TLS key is made if there is none yet.

    Raises:
        CertificateUnusable, OSError: the key cannot be read or written.
        RequestRefused: the key is there and not of the kind that authorities accept.
    """
    if not key_file.exists():
        create(Draft(key_file, key_pem(new_key()), SECRET))
    key = read_key(key_file)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise RequestRefused(f"{key_file} is not a P-256 key; move it away, and a new one is made")
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(common_name(identity.peer_id))
        .add_extension(node_names(peer_uri(network_id, identity.peer_id)), critical=False)
        .sign(key, SHA256())
    )
    signed = REQUEST_DOMAIN + csr.public_bytes(Encoding.DER)
    content = {
        "kind": _KIND,
        "version": _VERSION,
        "peer_id": identity.peer_id,
        "csr": csr.public_bytes(Encoding.PEM).decode(),
        "public_key": identity.public_key.hex(),
        "signature": identity.sign(signed).hex(),
    }
    return json.dumps(content, indent=2).encode() + b"\n"


def check_request(content: bytes) -> Request:
    """Read a request file and check that the node it names has signed it. Raises RequestRefused."""
    fields = _fields(content)
    try:
        csr = x509.load_pem_x509_csr(str(fields["csr"]).encode())
        public_key, signature = bytes.fromhex(fields["public_key"]), bytes.fromhex(fields["signature"])
        peer_id = peer_id_of(public_key)
        key, is_proven = csr.public_key(), csr.is_signature_valid
    except (KeyError, ValueError, TypeError, UnsupportedAlgorithm):
        raise RequestRefused("the request is damaged: it has no readable csr, public_key and signature") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise RequestRefused("the request is for a key of another kind than P-256")
    if not is_proven:
        raise RequestRefused("the request is not signed by the TLS key that it is for")
    if not is_signed_by(public_key, signature, REQUEST_DOMAIN + csr.public_bytes(Encoding.DER)):
        raise RequestRefused(f"the request is not signed by the identity key of peer {short(peer_id)}")
    return Request(_network_of(csr, peer_id), peer_id, key)


def _fields(content: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(content) if len(content) <= _MOST_BYTES else None
    except ValueError:
        fields = None
    if not isinstance(fields, dict) or fields.get("kind") != _KIND:
        raise RequestRefused("the file is not a request made by `sorcha-peer ca request`")
    if fields.get("version") != _VERSION:
        raise RequestRefused(f"the request has version {fields.get('version')!r}; this program reads version {_VERSION}")
    return fields


def _network_of(csr: x509.CertificateSigningRequest, peer_id: PeerId) -> str:
    names = peer_uris(csr)
    try:
        [(network_id, named)] = [parse_peer_uri(name) for name in names]
    except ValueError:
        raise RequestRefused(f"the request names {' and '.join(names) or 'no peer'}; it names exactly one peer") from None
    if named != peer_id:
        raise RequestRefused(f"the request is for peer {named} and signed by the identity of peer {peer_id}")
    return network_id
