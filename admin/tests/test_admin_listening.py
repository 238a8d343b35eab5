"""Beyond loopback: what is refused, what is told, whom the node believes, and metrics on an address of their own."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import requests
from admin_fakes import FakeNode
from flask import Flask, jsonify, request

from sorcha_peer_admin.listener import Listener
from sorcha_peer_admin.listening import listening_socket
from sorcha_peer_admin.service import URL_FILE, AdminService
from sorcha_peer_core.errors import StartError

PATIENCE_S = 10.0


def started(node: FakeNode, listen: str = "127.0.0.1:0", **settings: object) -> AdminService:
    node.admin_settings = {"listen": listen, **settings}
    service = AdminService(node, listen)
    service.start()
    return service


def status_of(url: str) -> int:
    return requests.get(url, timeout=PATIENCE_S).status_code


def test_who_says_so_is_listened_for_everywhere_and_warned(node: FakeNode, caplog):
    service = started(node, "0.0.0.0:0", allow_remote=True)

    assert status_of(f"{service.url}/healthz") == 200
    assert service.url.startswith("http://127.0.0.1:")
    assert (node.data_dir / URL_FILE).read_text().strip() == service.url
    assert "without TLS: the token is all that protects it" in caplog.text
    service.stop(1.0)


def test_behind_a_proxy_nobody_is_warned(node: FakeNode, caplog):
    started(node, "0.0.0.0:0", allow_remote=True, trusted_proxy="192.0.2.7").stop(1.0)

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_token_is_needed_from_everywhere(node: FakeNode):
    service = started(node, "0.0.0.0:0", allow_remote=True)

    assert status_of(f"{service.url}/manage/v1/status") == 401
    service.stop(1.0)


def test_all_addresses_of_ipv6_are_those_of_ipv4_as_well(node: FakeNode):
    try:
        service = started(node, "[::]:0", allow_remote=True)
    except StartError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    port = service.url.rpartition(":")[2]

    assert [status_of(f"http://{host}:{port}/healthz") for host in ("127.0.0.1", "[::1]")] == [200, 200]
    service.stop(1.0)


def test_metrics_and_probes_alone_are_answered_elsewhere_without_a_token(node: FakeNode):
    service = started(node, metrics_listen="0.0.0.0:0")
    url = service.metrics_url

    assert [status_of(f"{url}{path}") for path in ("/metrics", "/healthz", "/readyz")] == [200, 200, 200]
    assert [status_of(f"{url}{path}") for path in ("/manage/v1/status", "/admin/", "/", "/manage/v1/openapi.json")] == [404] * 4
    assert requests.post(f"{url}/manage/v1/transactions", data=b"a", timeout=PATIENCE_S).status_code == 404
    service.stop(1.0)
    with pytest.raises(requests.ConnectionError):
        status_of(f"{url}/metrics")


def test_without_the_setting_nothing_else_listens(node: FakeNode):
    service = started(node)

    assert service.metrics_url == ""
    service.stop(1.0)


def test_an_address_for_metrics_that_is_taken_is_named_and_leaves_nothing_behind(node: FakeNode):
    taken = listening_socket("x", "127.0.0.1:0")
    address = f"127.0.0.1:{taken.getsockname()[1]}"

    with pytest.raises(StartError, match=f"cannot listen on {address}: address already in use; change admin.metrics_listen"):
        started(node, metrics_listen=address)

    assert not (node.data_dir / URL_FILE).exists()
    taken.close()


@pytest.fixture
def seen_by() -> Iterator[object]:
    """What an application sees of a request, behind a proxy of this address or without one."""
    listeners = []

    def ask(trusted_proxy: str) -> dict[str, str]:
        app = Flask("seen")
        app.add_url_rule("/", view_func=lambda: jsonify(host=request.host, address=request.remote_addr, scheme=request.scheme))
        listening = listening_socket("x", "127.0.0.1:0")
        port = listening.getsockname()[1]
        listener = Listener(app, listening, max_body_bytes=1000, trusted_proxy=trusted_proxy)
        listener.start()
        listeners.append(listener)
        headers = {
            "X-Forwarded-For": "203.0.113.9",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "evil.example",
            "Host": "node.example",
        }
        return dict(requests.get(f"http://127.0.0.1:{port}/", headers=headers, timeout=PATIENCE_S).json())

    yield ask
    for listener in listeners:
        listener.stop(1.0)


def test_a_trusted_proxy_says_for_whom_it_asks_and_how_but_not_under_which_name(seen_by):
    assert seen_by("127.0.0.1") == {"host": "node.example", "address": "203.0.113.9", "scheme": "https"}


@pytest.mark.parametrize("trusted_proxy", ["", "192.0.2.7"])
def test_nobody_else_is_believed(seen_by, trusted_proxy):
    assert seen_by(trusted_proxy) == {"host": "node.example", "address": "127.0.0.1", "scheme": "http"}
