"""One HTTP service that is asked for this machine's address: what counts as an answer, and what it cannot make us do."""

from __future__ import annotations

import socket
import ssl
from time import monotonic

import gevent
import pytest
from http_fakes import FakeService, answering, head, never, target_of
from hypothesis import given, settings
from hypothesis import strategies as st
from stun_fakes import PUBLIC, PUBLIC_V6

from sorcha_nat_stun.errors import NoWay, Refused
from sorcha_nat_stun.families import IPV4, IPV6
from sorcha_nat_stun.http_lookup import look_up
from sorcha_peer_core.testing.transport_suite import PATIENCE_S

LIMIT_S = 0.5
"""For services that do not answer; the others answer at once."""
AT_ONCE_S = 3.0


def asked(serve, limit_s: float = PATIENCE_S) -> str:
    with FakeService(serve) as service:
        return str(look_up(target_of(service), IPV4, limit_s))


def reason_of(serve, limit_s: float = PATIENCE_S) -> str:
    with pytest.raises(Refused) as refused:
        asked(serve, limit_s)
    return str(refused.value)


@pytest.mark.parametrize("body", [PUBLIC, f"{PUBLIC}\n", f" \t{PUBLIC}\r\n"])
def test_an_address_alone_is_the_answer_whatever_white_space_is_around_it(body):
    assert asked(answering(body)) == PUBLIC


def test_a_body_in_chunks_is_read():
    def chunks(connection: socket.socket) -> None:
        connection.sendall(head("200 OK", "Transfer-Encoding: chunked") + b"4\r\n198.\r\n6\r\n41.0.4\r\n0\r\n\r\n")

    assert asked(chunks) == PUBLIC


def test_ipv6_is_asked_for_over_ipv6():
    try:
        service = FakeService(answering(PUBLIC_V6), "::1")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with service:
        assert str(look_up(target_of(service), IPV6, PATIENCE_S)) == PUBLIC_V6


def both_loopbacks(real):
    """A resolver that knows one name more, with an address of each family."""

    def getaddrinfo(host, port, family=0, *more, **options):
        if host != "both.example":
            return real(host, port, family, *more, **options)
        hosts = {socket.AF_INET6: "::1", socket.AF_INET: "127.0.0.1"}
        wanted = [hosts[family]] if family else list(hosts.values())
        return [found for each in wanted for found in real(each, port, family, *more, **options)]

    return getaddrinfo


def test_a_name_with_addresses_of_both_families_is_asked_over_the_one_that_is_wanted(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", both_loopbacks(socket.getaddrinfo))
    with FakeService(answering(PUBLIC), "127.0.0.1") as service:
        target = target_of(f"http://both.example:{target_of(service).port}/")

        assert str(look_up(target, IPV4, PATIENCE_S)) == PUBLIC
        with pytest.raises(Refused):
            look_up(target, IPV6, PATIENCE_S)
        assert len(service.requests) == 1


def test_a_service_without_an_address_of_the_family_cannot_be_asked():
    with pytest.raises(NoWay, match="no IPv6 address is known for it"):
        look_up(target_of("http://127.0.0.1:1/"), IPV6, PATIENCE_S)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>",
        "localhost",
        "198.41.0.4.5",
        "198.41.0.04",
        "198.41.0.4, 10.0.0.1",
        "198.41.0.4\n198.41.0.4",
        "0x10",
        "198.41.0.4%eth0",
    ],
)
def test_anything_but_one_address_is_no_answer(body):
    assert reason_of(answering(body)) == f"it answers with {body!r}, no IP address"


def test_words_of_a_service_come_to_a_log_harmless():
    assert reason_of(answering("a\nb\x1b[31m\xff".encode("latin-1"))) == r"it answers with 'a\nb\x1b[31mÿ', no IP address"


@pytest.mark.parametrize("host", ["10.0.0.1", "127.0.0.1", "203.0.113.5", "224.0.0.1", "0.0.0.0"])
def test_an_address_that_is_not_public_is_refused(host):
    reason = reason_of(answering(host))

    assert reason.startswith(f"it says {host} ")
    assert reason.endswith(", no public address")


def test_an_address_of_the_other_family_is_refused():
    assert reason_of(answering(PUBLIC_V6)) == f"it answers a question over IPv4 with {PUBLIC_V6}"


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial Content", "404 Not Found", "500 Internal Server Error"])
def test_only_status_200_counts(status):
    assert reason_of(answering(PUBLIC, status)) == f"it answers with HTTP {status[:3]}"


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_no_redirect_is_followed(status):
    with FakeService(answering(PUBLIC)) as elsewhere:
        reason = reason_of(answering("", status, f"Location: {elsewhere.url}"))

        assert reason == f"it redirects elsewhere (HTTP {status[:3]}); give the final address"
        assert elsewhere.requests == []


def large(connection: socket.socket) -> None:
    connection.sendall(head("200 OK", "Content-Length: 10485760"))
    for _ in range(160):
        connection.sendall(b"1" * 65536)


def large_without_a_length(connection: socket.socket) -> None:
    connection.sendall(head())
    for _ in range(160):
        connection.sendall(b" " * 65536)


@pytest.mark.parametrize("serve", [large, large_without_a_length])
def test_a_large_body_is_not_read(serve):
    with FakeService(serve) as service:
        with pytest.raises(Refused, match="more than the 64 bytes"):
            look_up(target_of(service), IPV4, PATIENCE_S)
        gevent.sleep(0.05)

        assert not service.sent_all


def dripping_body(connection: socket.socket) -> None:
    connection.sendall(head("200 OK", "Content-Length: 40"))
    for _ in range(40):
        connection.sendall(b" ")
        gevent.sleep(0.1)


def dripping_head(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(40):
        connection.sendall(f"X-{number}: x\r\n".encode())
        gevent.sleep(0.1)


def dripping_interim(connection: socket.socket) -> None:
    for _ in range(40):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        gevent.sleep(0.1)


@pytest.mark.parametrize("serve", [never, dripping_body, dripping_head, dripping_interim])
def test_silence_and_a_slow_drip_end_with_the_time(serve):
    began = monotonic()

    assert reason_of(serve, LIMIT_S) == "no answer within 0.5 s"
    assert monotonic() - began < AT_ONCE_S


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"",
        b"\x00" * 100,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 999999999999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n198",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
        b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n\r\n",
    ],
    ids=lambda sent: ascii(sent[:24]),
)
def test_what_is_no_http_is_refused_with_a_sentence(bytes_sent):
    reason = reason_of(lambda connection: connection.sendall(bytes_sent))

    assert reason
    assert "\n" not in reason


@settings(derandomize=True, deadline=None, database=None, max_examples=40)
@given(st.binary(max_size=120))
def test_whatever_a_service_sends_as_its_body_is_an_address_or_refused(body):
    try:
        asked(answering(body))
    except Refused:
        return

    assert body.decode("latin-1").strip().count(".") == 3


def test_nobody_there_is_a_reason():
    with FakeService(answering(PUBLIC)) as service:
        target = target_of(service)
    with pytest.raises(Refused, match="it cannot be reached"):
        look_up(target, IPV4, PATIENCE_S)


def test_a_certificate_of_nobody_known_is_not_accepted(tmp_path):
    certificate, key = self_signed(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with FakeService(answering(PUBLIC), ssl_context=context) as service:
        with pytest.raises(Refused, match="its certificate is not accepted"):
            look_up(target_of(service), IPV4, PATIENCE_S)
        assert service.requests == []


def self_signed(folder) -> tuple[str, str]:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    began = datetime.now(UTC) - timedelta(hours=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    certificate = builder.not_valid_before(began).not_valid_after(began + timedelta(days=1)).sign(key, hashes.SHA256())
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(files[0]), str(files[1])


def test_the_environment_names_no_proxy_in_between(monkeypatch):
    with FakeService(answering("199.9.14.201")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)

        assert asked(answering(PUBLIC)) == PUBLIC
        assert proxy.requests == []


def test_a_service_learns_no_more_than_it_needs():
    with FakeService(answering(PUBLIC)) as service:
        look_up(target_of(service), IPV4, PATIENCE_S)

        lines = service.requests[0].split("\r\n")
    assert lines[0] == "GET /ip HTTP/1.1"
    assert {line.partition(":")[0] for line in lines[1:] if line} <= {"Host", "Accept", "Accept-Encoding", "User-Agent"}
