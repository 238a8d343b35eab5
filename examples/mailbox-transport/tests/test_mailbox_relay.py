"""The relay keeps to its bounds, and what it keeps to its owner."""

from __future__ import annotations

import datetime
from ipaddress import ip_address
from threading import Thread

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sorcha_mailbox.client import Relay
from sorcha_mailbox.plugin import peer_transports
from sorcha_mailbox.relay import MAX_BATCH_BYTES, RelayServer

from sorcha_peer_core.errors import ConfigError, PeerUnreachable, StartError
from sorcha_peer_core.testing.transport_suite import RecordedEvents, transport_context

LONG_AGO, FAR_OFF = datetime.datetime(2020, 1, 1), datetime.datetime(2120, 1, 1)


@pytest.fixture
def server():
    server = RelayServer("127.0.0.1", 0)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def url(server):
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture
def certificate(tmp_path):
    """A PEM file with a key and a certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "relay")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), LONG_AGO, FAR_OFF)
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    file = tmp_path / "relay.pem"
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    signed = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    file.write_bytes(key.private_bytes(*plain) + signed)
    return file


def test_what_is_put_in_is_taken_out_in_order(url):
    relay = Relay(url)
    relay.claim("box")

    relay.put("box", b"one")
    relay.put("box", b"two")

    assert [relay.take("box"), relay.take("box")] == [b"one", b"two"]


def test_a_closed_mailbox_can_be_emptied_and_then_is_gone(url):
    relay = Relay(url)
    relay.claim("box")
    relay.put("box", b"last")

    relay.close("box")

    assert not relay.put("box", b"too late")
    assert [relay.take("box"), relay.take("box")] == [b"last", None]


def test_only_who_knows_the_key_can_empty_or_close_a_mailbox(url):
    relay = Relay(url)
    relay.claim("7", key="mine")
    relay.put("7", b"letter")

    relay.close("7", key="guessed")

    assert relay.take("7", key="guessed") is None
    assert not relay.claim("7", key="guessed")
    assert relay.take("7", key="mine") == b"letter"


def test_a_batch_that_is_too_large_is_refused(url):
    Relay(url).claim("box")

    assert requests.post(f"{url}/box", bytes(MAX_BATCH_BYTES + 1), timeout=5).status_code == 413


def test_over_https_the_relay_is_known_by_its_certificate(server, certificate, monkeypatch):
    server.encrypt(str(certificate), None)
    stranger, relay = (Relay(f"https://127.0.0.1:{server.port}") for _ in range(2))

    with pytest.raises(PeerUnreachable, match="SSLError"):
        stranger.claim("box")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert relay.claim("box")
    assert relay.put("box", b"sealed")
    assert relay.take("box") == b"sealed"


@pytest.mark.parametrize("settings", [{}, {"relay": ""}, {"relay": "relay.example"}])
def test_a_relay_that_is_no_url_is_named(settings):
    with pytest.raises(ConfigError, match=r"plugins\.mailbox\.relay is .*: the URL of a relay"):
        peer_transports()[0].build(transport_context(settings=settings))


def test_a_node_does_not_start_while_its_relay_does_not_answer(server):
    transport = peer_transports()[0].build(transport_context(7, settings={"relay": "http://127.0.0.1:1"}))

    with pytest.raises(StartError, match=r"mailbox 7: the relay at .* does not answer"):
        transport.listen(RecordedEvents())
