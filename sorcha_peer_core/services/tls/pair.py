"""A private key and the certificate chain that belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from sorcha_peer_core.services.tls.certificates import CertificateKey, CertificateUnusable, dns_names, key_sha256
from sorcha_peer_core.services.tls.files import read


class Pair(NamedTuple):
    """What a node presents, known to fit together."""

    key: CertificateKey
    key_pem: bytes
    certificate_pem: bytes
    chain: tuple[x509.Certificate, ...]

    @property
    def leaf(self) -> x509.Certificate:
        """The node's own certificate."""
        return self.chain[0]

    @property
    def leaf_der(self) -> bytes:
        """The same in the form whose SHA-256 is the channel binding."""
        return self.leaf.public_bytes(Encoding.DER)


class KeyMismatch(CertificateUnusable):
    """Key and certificate are each good, and do not belong together."""


def read_pair(key_file: Path, certificate_file: Path) -> Pair:
    """Read both and check that they belong together.

    Raises:
        CertificateUnusable: one is missing, damaged, or of a kind that TLS libraries refuse.
    """
    key = read_key(key_file)
    pem = read(certificate_file)
    chain = parse_certificates(pem, certificate_file)
    if key_sha256(chain[0].public_key()) != key_sha256(key.public_key()):
        raise KeyMismatch(f"the certificate {certificate_file} does not belong to the key {key_file}")
    if not dns_names(chain[0]):
        raise CertificateUnusable(f"the certificate {certificate_file} carries no DNS name, so TLS libraries refuse it")
    return Pair(key, read(key_file), pem, chain)


def read_key(path: Path) -> CertificateKey:
    """Read a private key for TLS. Raises CertificateUnusable."""
    try:
        key = load_pem_private_key(read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CertificateUnusable(f"{path} holds no private key without a password") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise CertificateUnusable(f"{path} holds a key of a kind that gRPC cannot use in a certificate; use P-256")
    return key


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """All certificates of a file, at least one. Raises CertificateUnusable."""
    return parse_certificates(read(path), path)


def parse_certificates(pem: bytes, path: Path) -> tuple[x509.Certificate, ...]:
    """The same of a file that was read already."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise CertificateUnusable(f"{path} holds no certificate that can be read") from None


def is_issued_under(chain: tuple[x509.Certificate, ...], roots: tuple[x509.Certificate, ...]) -> bool:
    """Whether the chain, the node's own certificate first, leads to one of ``roots``."""
    for number, certificate in enumerate(chain):
        if any(_issued(root, certificate) for root in roots):
            return True
        if number + 1 < len(chain) and not _issued(chain[number + 1], certificate):
            return False
    return False


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
