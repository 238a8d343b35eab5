"""X.509 as this project uses it: the names in a certificate, its dates, its key, and how certificates are made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote, unquote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sorcha_peer_core.errors import PeerError
from sorcha_peer_core.model.ids import PeerId, parse_peer_id

SERVER_NAME = "sorcha-peer"
"""The DNS name in every node's certificate: TLS libraries want one, and peers are known by key and not by host."""

_PEER_SCHEME = "peer://"
_CLOCKS_DIFFER = timedelta(days=1)
"""A new certificate is valid from this long ago, for peers whose clocks are behind."""

CertificateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
"""What TLS libraries accept from each other; gRPC cannot use Ed25519 certificates."""


class CertificateUnusable(PeerError):
    """A key, certificate or list that cannot be used here; the message says which file and why."""


class Validity(NamedTuple):
    """From when to when a certificate is good."""

    not_before: datetime
    not_after: datetime


def validity_from(now: float, days: int) -> Validity:
    """``days`` from ``now`` (Unix seconds) on, and one day back."""
    start = datetime.fromtimestamp(now, UTC).replace(microsecond=0)
    return Validity(start - _CLOCKS_DIFFER, start + timedelta(days=days))


def peer_uri(network_id: str, peer_id: str) -> str:
    """The name of a peer in a certificate.

    >>> peer_uri("my net", "ab" * 20)
    'peer://my%20net/abababababababababababababababababababab'
    """
    return f"{_PEER_SCHEME}{quote(network_id, safe='')}/{peer_id}"


def parse_peer_uri(uri: str) -> tuple[str, PeerId]:
    """Network and peer id of a name that ``peer_uri`` made; ValueError for any other text."""
    network, _, digits = uri.removeprefix(_PEER_SCHEME).partition("/")
    network_id, peer_id = unquote(network), parse_peer_id(digits)
    if peer_uri(network_id, peer_id) != uri:
        raise ValueError(f"{uri!r} is not the name of a peer, which is {_PEER_SCHEME}NETWORK/PEER_ID")
    return network_id, peer_id


def peer_uris(certificate: x509.Certificate | x509.CertificateSigningRequest) -> list[str]:
    """The names of peers that it carries; one that is good for a node carries exactly one."""
    names = _alternative_names(certificate)
    if names is None:
        return []
    return [uri for uri in names.get_values_for_type(x509.UniformResourceIdentifier) if uri.startswith(_PEER_SCHEME)]


def dns_names(certificate: x509.Certificate) -> list[str]:
    """The host names that it carries, without patterns."""
    names = _alternative_names(certificate)
    return [] if names is None else [name for name in names.get_values_for_type(x509.DNSName) if "*" not in name]


def read_der(der: bytes) -> x509.Certificate:
    """Read one certificate. Raises CertificateUnusable."""
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        raise CertificateUnusable("it cannot be read as a certificate") from None


def fingerprint(der: bytes) -> bytes:
    """SHA-256 of a certificate; that of the server's is the channel binding of a link."""
    return sha256(der).digest()


def spki_sha256(der: bytes) -> bytes:
    """SHA-256 of the public key in a certificate: what a peer record pins. Raises CertificateUnusable."""
    try:
        return key_sha256(read_der(der).public_key())
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateUnusable("it holds a key of an unknown kind") from None


def key_sha256(key: CertificatePublicKeyTypes) -> bytes:
    """SHA-256 of a public key as it stands in a certificate (SubjectPublicKeyInfo)."""
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def date_flaw(certificate: x509.Certificate, now: float) -> str | None:
    """Why it is not valid at ``now`` (Unix seconds), as the end of a sentence; None when it is."""
    moment = datetime.fromtimestamp(now, UTC)
    if moment > certificate.not_valid_after_utc:
        return f"expired on {date_text(certificate.not_valid_after_utc)}"
    if moment < certificate.not_valid_before_utc:
        return f"is not valid before {date_text(certificate.not_valid_before_utc)}"
    return None


def date_text(moment: datetime) -> str:
    """A date as it stands in messages."""
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: CertificateKey) -> bytes:
    """A private key in the form it has in files."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def node_names(uri: str) -> x509.SubjectAlternativeName:
    """What every certificate of a node is made out to."""
    return x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME), x509.UniformResourceIdentifier(uri)])


def node_certificate(
    subject: str, key: CertificatePublicKeyTypes, uri: str, validity: Validity, serial: int
) -> x509.CertificateBuilder:
    """A certificate for the node ``uri`` that serves and dials with ``key``; the issuer is still to be named."""
    return (
        x509.CertificateBuilder()
        .subject_name(common_name(subject))
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(node_names(uri), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier(key_sha256(key)[:20]), critical=False)
    )


def self_signed(key: CertificateKey, uri: str, validity: Validity) -> x509.Certificate:
    """A node's own certificate. It is named after its key: gRPC cannot tell two roots of one name apart."""
    subject = key_sha256(key.public_key()).hex()
    builder = node_certificate(subject, key.public_key(), uri, validity, x509.random_serial_number())
    return builder.issuer_name(common_name(subject)).sign(key, SHA256())


def is_self_made(certificate: x509.Certificate) -> bool:
    """Whether ``self_signed`` made it, as far as its names tell."""
    subject = common_name(key_sha256(certificate.public_key()).hex())
    return certificate.subject == certificate.issuer == subject and SERVER_NAME in dns_names(certificate)


def common_name(text: str) -> x509.Name:
    """A subject that has a common name and nothing else."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def key_usage(signs_certificates: bool) -> x509.KeyUsage:
    """What the key may sign: certificates and lists, or handshakes."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(certificate: x509.Certificate | x509.CertificateSigningRequest) -> x509.SubjectAlternativeName | None:
    # Strangers make certificates too: one whose extensions cannot be read has no names.
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return None
