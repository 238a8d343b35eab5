"""What the tests of encryption build their small worlds from: certificates of every kind, and servers that present them."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from gevent.queue import Queue
from gevent.server import StreamServer
from service_parts import identity_of

from sorcha_peer_core.services.identity import Identity
from sorcha_peer_core.services.tls.authority import Authority, init_authority
from sorcha_peer_core.services.tls.ca_credentials import CaCredentials, CaFiles
from sorcha_peer_core.services.tls.certificates import (
    Validity,
    common_name,
    key_pem,
    new_key,
    peer_uri,
    self_signed,
    validity_from,
)
from sorcha_peer_core.services.tls.files import PUBLIC, SECRET, Draft, replace
from sorcha_peer_core.services.tls.look import look_at, looking_context
from sorcha_peer_core.services.tls.request import check_request, make_request

NETWORK = "test"
DAY_S = 86_400
HOST = "127.0.0.1"
NORTH, SOUTH = identity_of(1), identity_of(2)


class Presented(NamedTuple):
    """A key and a certificate in files, as a server loads them."""

    key: Path
    certificate: Path

    @property
    def der(self) -> bytes:
        return x509.load_pem_x509_certificate(self.certificate.read_bytes()).public_bytes(Encoding.DER)


def now_s() -> float:
    return time.time()


def expired() -> Validity:
    """From three days ago to yesterday."""
    return validity_from(now_s() - 2 * DAY_S, 1)


def in_files(folder: Path, key: ec.EllipticCurvePrivateKey, *chain: x509.Certificate) -> Presented:
    presented = Presented(folder / "key.pem", folder / "certificate.pem")
    pem = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
    replace([Draft(presented.key, key_pem(key), SECRET), Draft(presented.certificate, pem, PUBLIC)])
    return presented


def own_of(folder: Path, identity: Identity = SOUTH, validity: Validity | None = None) -> Presented:
    """What a node in mode open would present."""
    key = new_key()
    uri = peer_uri(NETWORK, identity.peer_id)
    return in_files(folder, key, self_signed(key, uri, validity or validity_from(now_s(), 10)))


def with_names(folder: Path, *names: x509.GeneralName) -> Presented:
    """A self-signed certificate with these alternative names and no others."""
    key, validity = new_key(), validity_from(now_s(), 10)
    builder = (
        x509.CertificateBuilder()
        .subject_name(common_name("somebody"))
        .issuer_name(common_name("somebody"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return in_files(folder, key, builder.sign(key, SHA256()))


def authority_in(folder: Path, name: str = "Test CA") -> Authority:
    return init_authority(folder, name, 100, now_s() - 10 * DAY_S)


def install(authority: Authority, data_dir: Path, identity: Identity, days: int = 30, at: float | None = None) -> CaFiles:
    """What ``ca issue --data-dir`` does; issued ``at`` a moment of the past if wanted."""
    request = check_request(make_request(CaFiles.of(data_dir).key, NETWORK, identity))
    certificate, _ = authority.issue(request, days, at or now_s())
    files = CaFiles.of(data_dir)
    replace(
        [
            Draft(files.trusted_cas, authority.certificate_file.read_bytes(), PUBLIC),
            Draft(files.revoked, authority.revoked_file.read_bytes(), PUBLIC),
            Draft(files.certificate, certificate, PUBLIC),
        ]
    )
    return files


def member(authority: Authority, data_dir: Path, identity: Identity = NORTH) -> CaCredentials:
    return CaCredentials(install(authority, data_dir, identity), NETWORK, identity.peer_id)


def server_context(presented: Presented, client_roots: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(presented.certificate, presented.key)
    context.set_alpn_protocols(["h2"])
    if client_roots is not None:
        context.load_verify_locations(client_roots)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextmanager
def tcp_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on loopback that hands each connection to ``serve``; yields its port."""

    def handle(connection: socket.socket, _address: object) -> None:
        try:
            serve(connection)
        except OSError as error:
            # What a test expects of the other side often ends a connection early.
            logging.getLogger(__name__).debug("a connection ended: %s", error)

    server = StreamServer((HOST, 0), handle)
    server.start()
    try:
        yield server.server_port
    finally:
        server.stop(timeout=0.1)


@contextmanager
def tls_server(presented: Presented, client_roots: Path | None = None, seen: Queue[bytes] | None = None) -> Iterator[int]:
    """A server that presents a certificate; what clients present is put into ``seen``."""
    context = server_context(presented, client_roots)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            if seen is not None:
                seen.put(secured.getpeercert(binary_form=True) or b"")
            secured.recv(1)

    with tcp_server(serve) as port:
        yield port


def looking_at_anything(host: str, port: int) -> bytes:
    """The certificate (DER) of a server, whatever it is."""
    return look_at(host, port, 5.0, looking_context())
