"""Mode open, seen by the one who dials: what it finds at the other end, and what it refuses."""

from __future__ import annotations

import socket
import time

import gevent
import pytest
from cryptography import x509
from gevent.event import Event
from gevent.queue import Queue
from tls_parts import HOST, NETWORK, NORTH, authority_in, expired, install, own_of, tcp_server, tls_server, with_names

from sorcha_peer_core.errors import LinkTimeout, NotOffered, PeerUnreachable
from sorcha_peer_core.services.tls.open_credentials import OpenCredentials

TIMEOUT_S = 5.0


@pytest.fixture
def credentials(tmp_path):
    return OpenCredentials(tmp_path / "north", NETWORK, NORTH.peer_id)


def test_the_one_certificate_to_trust_is_the_one_seen(credentials, tmp_path):
    presented = own_of(tmp_path / "south")

    with tls_server(presented) as port:
        found = credentials.client(HOST, port, TIMEOUT_S)

    assert found.server_certificate_der == presented.der
    assert found.roots_pem == presented.certificate.read_bytes()
    assert found.server_name == "sorcha-peer"
    assert (found.key_pem, found.certificate_pem) == (b"", b"")


def test_nothing_is_presented_by_the_dialler(credentials, tmp_path):
    seen: Queue[bytes] = Queue()
    with tls_server(own_of(tmp_path / "south"), seen=seen) as port:
        credentials.client(HOST, port, TIMEOUT_S)

        assert seen.get(timeout=5) == b""


def test_a_server_with_another_name_is_dialled_by_its_first_name(credentials, tmp_path):
    names = [x509.DNSName("*.example.com"), x509.DNSName("north.example.com"), x509.DNSName("south.example.com")]

    with tls_server(with_names(tmp_path / "proxy", *names)) as port:
        assert credentials.client(HOST, port, TIMEOUT_S).server_name == "north.example.com"


def test_a_server_with_the_name_that_was_dialled_is_dialled_by_it(credentials, tmp_path):
    names = [x509.DNSName("example.com"), x509.DNSName("localhost")]

    with tls_server(with_names(tmp_path / "proxy", *names)) as port:
        assert credentials.client("localhost", port, TIMEOUT_S).server_name == "localhost"


def test_a_certificate_without_names_is_refused(credentials, tmp_path):
    with tls_server(with_names(tmp_path / "bare")) as port, pytest.raises(NotOffered, match="carries no DNS name"):
        credentials.client(HOST, port, TIMEOUT_S)


def test_an_expired_certificate_is_refused_and_its_date_named(credentials, tmp_path):
    validity = expired()
    date = validity.not_after.strftime("%Y-%m-%d %H:%M UTC")

    presented = own_of(tmp_path / "south", validity=validity)
    with tls_server(presented) as port, pytest.raises(NotOffered, match=rf"the certificate of {HOST}:\d+ expired on {date}"):
        credentials.client(HOST, port, TIMEOUT_S)


def test_a_server_that_speaks_something_else_is_not_offered(credentials):
    def answer_in_plain_text(connection):
        connection.recv(1)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with tcp_server(answer_in_plain_text) as port, pytest.raises(NotOffered, match="does not speak TLS"):
        credentials.client(HOST, port, TIMEOUT_S)


def test_a_server_that_hangs_up_is_unreachable_for_now(credentials):
    with tcp_server(lambda connection: connection.close()) as port, pytest.raises(PeerUnreachable, match="closed the connection"):
        credentials.client(HOST, port, TIMEOUT_S)


def test_a_port_where_nobody_listens_is_unreachable(credentials):
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        with pytest.raises(PeerUnreachable, match="refused"):
            credentials.client(HOST, unused.getsockname()[1], TIMEOUT_S)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 80 + ".invalid", "-", "a..b"])
def test_a_host_that_does_not_exist_is_unreachable(credentials, host):
    with pytest.raises((PeerUnreachable, LinkTimeout)):
        credentials.client(host, 5001, 1.0)


def test_a_silent_server_is_given_up_in_time_and_the_connection_closed(credentials):
    ended = Event()

    def stay_silent(connection):
        while connection.recv(4096):
            pass
        ended.set()

    with tcp_server(stay_silent) as port:
        started_s = time.monotonic()
        with pytest.raises(LinkTimeout, match=r"did not answer within 0\.1 s|in time"):
            credentials.client(HOST, port, 0.1)

        assert time.monotonic() - started_s < 1.0
        assert ended.wait(2)


def test_a_server_that_answers_byte_by_byte_is_given_up_in_time(credentials):
    def drip(connection):
        connection.sendall(b"\x16\x03\x03\x40\x00")
        while True:
            gevent.sleep(0.02)
            connection.sendall(b"\x02")

    with tcp_server(drip) as port:
        started_s = time.monotonic()
        with pytest.raises(LinkTimeout):
            credentials.client(HOST, port, 0.15)

        assert time.monotonic() - started_s < 1.0


def test_other_greenlets_run_while_a_server_is_looked_at(credentials):
    with tcp_server(lambda connection: gevent.sleep(1)) as port:
        looking = gevent.spawn(credentials.client, HOST, port, 0.2)
        turns = 0
        while not looking.ready():
            gevent.sleep(0.01)
            turns += 1

    assert turns > 5
    assert isinstance(looking.exception, LinkTimeout)


def test_a_node_that_wants_client_certificates_can_still_be_seen(credentials, tmp_path):
    """Whether the modes fit is for the connection itself to find out."""
    authority = authority_in(tmp_path / "ca")
    install(authority, tmp_path / "south", NORTH)
    presented = own_of(tmp_path / "presented")

    with tls_server(presented, client_roots=authority.certificate_file) as port:
        assert credentials.client(HOST, port, TIMEOUT_S).server_certificate_der == presented.der
