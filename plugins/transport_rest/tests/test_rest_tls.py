"""The REST port under TLS: what is left of a connection that went wrong."""

from __future__ import annotations

import gc
import ssl
from dataclasses import replace

import gevent
import psutil
import pytest
from gevent import socket
from rest_fakes import rest_context

from sorcha_peer_core.errors import LinkClosed, PeerUnreachable
from sorcha_peer_core.interfaces.credentials import ClientTls, ServerTls
from sorcha_peer_core.testing.transport_suite import PATIENCE_S, RecordedEvents
from sorcha_transport_rest import listener as listener_module
from sorcha_transport_rest.certificates import binding_of
from sorcha_transport_rest.transport import RestTransport

services = pytest.importorskip("sorcha_peer_core.services.tls.open_credentials")


class ClosingEvents(RecordedEvents):
    """Closes every link with its first batch."""

    def received(self, link, batch):
        link.close("enough")


@pytest.fixture
def credentials(tmp_path):
    return services.OpenCredentials(tmp_path, "test", "00" * 20)


@pytest.fixture
def pair(credentials):
    context = rest_context(credentials=credentials)
    made = RestTransport(context), RestTransport(replace(context, shared={}))
    yield made
    for transport in made:
        transport.stop(1.0)


def send_until_closed(link) -> None:
    try:
        while True:
            link.send(b"x")
    except LinkClosed:
        return


def test_links_that_the_listener_closes_at_once_leave_no_connection_behind(pair):
    listener, dialler = pair
    [endpoint] = listener.listen(ClosingEvents())
    events = RecordedEvents()
    gc.collect()
    gc.disable()
    before = psutil.Process().num_fds()
    try:
        for _ in range(5):
            link = dialler.dial(endpoint, events, PATIENCE_S)
            send_until_closed(link)
        events.wait_for(lambda: len(events.ends) == 5)
        deadline = gevent.Timeout.start_new(PATIENCE_S)
        while psutil.Process().num_fds() > before + 1:
            gevent.sleep(0.01)
        deadline.cancel()
    finally:
        gc.enable()


def test_a_handshake_that_drips_is_given_up_as_a_whole(pair, monkeypatch):
    monkeypatch.setattr(listener_module, "HANDSHAKE_TIMEOUT_S", 0.1)
    [endpoint] = pair[0].listen(RecordedEvents())

    with socket.create_connection((endpoint.host, endpoint.port), PATIENCE_S) as slow:
        slow.sendall(bytes.fromhex("160301020001"))

        assert slow.recv(1) == b""


class ChangedAfterTheLook:
    """Says that another certificate was seen than the one that the server presents."""

    mode = "open"

    def __init__(self, true, other) -> None:
        self._true, self._other = true, other
        self.server_binding = true.server_binding

    def server(self) -> ServerTls:
        return self._true.server()

    def client(self, host: str, port: int, timeout_s: float) -> ClientTls:
        der = ssl.PEM_cert_to_DER_cert(self._other.server().certificate_pem.decode())
        return ClientTls(b"", "sorcha-peer", b"", b"", der)


def test_a_server_with_another_certificate_than_the_one_seen_gets_no_request(credentials, tmp_path, pair):
    [endpoint] = pair[0].listen(RecordedEvents())
    other = services.OpenCredentials(tmp_path / "other", "test", "11" * 20)
    dialler = RestTransport(rest_context(credentials=ChangedAfterTheLook(credentials, other)))

    with pytest.raises(PeerUnreachable, match=r"(?i)fingerprint"):
        dialler.dial(endpoint, RecordedEvents(), PATIENCE_S)
    dialler.stop(1.0)


def test_the_binding_is_that_of_the_first_certificate_of_a_chain(credentials):
    pem = credentials.server().certificate_pem

    assert binding_of(pem + b"\n" + pem) == credentials.server_binding
