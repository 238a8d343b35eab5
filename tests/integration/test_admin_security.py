"""The pages and the management API of real nodes in front of strangers, forged requests and a peer with a hostile name."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import time
from hashlib import sha256

import pytest
from admin_visitor import Contents, Visitor, logged_in, raw_request, token_of
from werkzeug.security import generate_password_hash

from sorcha_peer_core.cli.cluster import Cluster, wait_until

API = "/manage/v1"
HOSTILE_NAME = "<script>alert(1)</script>\"'{{7*7}}"
HOSTILE_PAYLOAD = b"<html><script>alert(2)</script><img src=x onerror=alert(3)>"
HOSTILE_TYPE = "text/html"
HOSTILE_REGISTER = "<b>{{7*7}}</b>"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """Two linked nodes; the second has a name that is a script."""
    with Cluster(tmp_path_factory.mktemp("nodes"), 2) as cluster:
        cluster.nodes[1].name = HOSTILE_NAME
        cluster.start()
        cluster.wait_until_linked(1, 30)
        yield cluster.nodes


@pytest.fixture(scope="module")
def node(nodes):
    return nodes[0]


@pytest.fixture
def visitor(node) -> Visitor:
    return logged_in(node)


@pytest.fixture
def stranger(node) -> Visitor:
    return Visitor(node)


@pytest.fixture(scope="module")
def hostile_hash(nodes) -> str:
    """A transaction of the hostile peer, arrived here."""
    tx_hash = nodes[1].client.submit(HOSTILE_PAYLOAD, content_type=HOSTILE_TYPE, register_id=HOSTILE_REGISTER)["hash"]
    wait_until(lambda: tx_hash in nodes[0].hashes(), 30, "the hostile transaction", 0.1)
    return tx_hash


def pages_about(visitor: Visitor, nodes, tx_hash: str) -> list[str]:
    """Every page of the navigation, and those about the hostile peer and its transaction."""
    details = [f"/admin/peers/{nodes[1].peer_id}", f"/admin/transactions/{tx_hash}"]
    return [*visitor.pages(), *(path for path in details if visitor.get(path).status_code == 200)]


# Strangers


def test_a_stranger_is_led_to_the_login_from_every_page(stranger, visitor):
    for path in [*visitor.pages(), "/admin/no-such-page", f"/admin/peers/{'ab' * 20}"]:
        answer = stranger.get(path)

        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/admin/login"), path
        assert "Sorcha" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_stranger_changes_nothing(stranger, method):
    for path in ("/admin/", "/admin/peers", "/admin/logout", f"{API}/transactions", f"{API}/dead-letters", f"{API}/peers"):
        assert stranger.request(method, path, data=b"x").status_code == 401, path


def test_a_stranger_gets_401_for_every_address_of_the_api_that_asks_for_a_token(stranger, visitor):
    document = visitor.get(f"{API}/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answer = stranger.request(method, re.sub(r"\{\w+\}", "ab" * 32, path))
            wants_token = operation.get("security") != []

            assert (answer.status_code == 401) == wants_token, (method, path)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/admin/login"])
def test_probes_metrics_and_the_login_are_open(stranger, path):
    assert stranger.get(path).status_code == 200


@pytest.mark.parametrize("presented", ["", "Bearer", "Bearer x", "Basic {token}", "Bearer {token}x", "Bearer {half}", "{token}"])
def test_what_is_not_the_token_opens_nothing(stranger, node, presented):
    token = token_of(node)
    presented = presented.format(token=token, half=token[:20])

    assert stranger.get(f"{API}/status", headers={"Authorization": presented}).status_code == 401
    assert stranger.get("/admin/", headers={"Authorization": presented}).status_code == 302


# Forged requests


def test_an_action_needs_the_token_of_its_session(visitor, node):
    other = logged_in(node)
    forged = ({}, {"csrf_token": ""}, {"csrf_token": "x"}, {"csrf_token": other.csrf_token()})

    assert [visitor.post("/admin/logout", data=fields).status_code for fields in forged] == [400] * 4
    assert visitor.get("/admin/").status_code == 200
    assert visitor.post("/admin/logout", data={"csrf_token": visitor.csrf_token()}).status_code == 303


@pytest.mark.parametrize("headers", [
    {"Origin": "http://evil.example"}, {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://127.0.0.1:1"},
])  # fmt: skip
def test_an_action_from_another_site_is_not_carried_out(visitor, headers):
    fields = {"csrf_token": visitor.csrf_token()}

    assert visitor.post("/admin/logout", data=fields, headers=headers).status_code == 403
    assert visitor.post("/admin/login", data={"secret": "x", **fields}, headers=headers).status_code == 403
    assert visitor.get("/admin/").status_code == 200


def test_a_session_reads_the_api_and_changes_something_only_with_the_header(visitor):
    csrf = {"X-CSRF-Token": visitor.csrf_token()}

    assert visitor.get(f"{API}/status").status_code == 200
    assert visitor.post(f"{API}/transactions", data=b"forged").status_code == 400
    assert visitor.post(f"{API}/transactions", data=b"forged", headers={"X-CSRF-Token": "x"}).status_code == 400
    assert visitor.post(f"{API}/transactions", data=b"own", headers=csrf | {"Origin": "http://evil.example"}).status_code == 403
    assert visitor.post(f"{API}/transactions", data=b"own", headers=csrf).status_code == 202


# Sessions


def test_a_session_is_new_at_each_login_and_over_after_the_logout(stranger):
    chosen = {"Cookie": f"{stranger.cookie_name}=chosen-by-somebody-else"}
    stranger.post("/admin/login", data={"secret": token_of(stranger.node)}, headers=chosen)
    first = stranger.session_id()
    stranger.cookies.clear()
    old = Visitor(stranger.node)
    stranger.log_in()
    second = stranger.session_id()
    stranger.post("/admin/logout", data={"csrf_token": stranger.csrf_token()})

    assert len({first, second, "chosen-by-somebody-else"}) == 3
    assert min(len(first), len(second)) >= 43
    old.headers["Cookie"] = f"{old.cookie_name}={second}"
    assert old.get("/admin/").status_code == 302


def test_the_cookie_is_not_for_scripts_nor_for_other_sites(stranger):
    cookie = stranger.log_in().headers["Set-Cookie"]

    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}


@pytest.mark.parametrize("wanted", [
    "http://evil.example/", "//evil.example/", "/\\evil.example", "https:evil.example", "/admin/\\..\\..//evil.example",
    "javascript:alert(1)", "/admin//evil.example", "/admin/../../evil", "/admin/\r\nSet-Cookie: a=b", " /admin/",
    "/manage/v1/status", "/admin/%0d%0aSet-Cookie:a=b", "/\t/evil.example", "/admin/logout@evil.example",
])  # fmt: skip
def test_a_login_leads_to_pages_of_this_node_only(node, wanted):
    answer = Visitor(node).log_in(next=wanted)

    assert re.match(r"/admin/(?!/)", answer.headers["Location"])
    assert answer.cookies.keys() == [Visitor(node).cookie_name]


# Addresses


@pytest.mark.parametrize("path", [
    "/admin/static/x/../../app.py", "/admin/static/x/..%2f..%2fkeys.py", "/admin/static/x/%2e%2e/%2e%2e/keys.py",
    "/admin/static/x/..%5c..%5ckeys.py", "/admin/static/x//etc/passwd", "/admin/static/x/%00", "/admin/static/x/app.js%00.png",
    "/admin/static/../../../../etc/passwd", "/admin/static/x/....//....//keys.py", "/admin/static/x/", "/admin/login/../peers",
    "/admin/loginx", "/admin/static/..", "/admin/./peers", "//admin/peers", "/admin/%2e/peers", "/ADMIN/peers", "/admin/peers;x",
    f"{API}/transactions/../../../etc/passwd", f"{API}/transactions/..%2f..%2fadmin.token", f"{API}/transactions/%00",
    "/%6danage/v1/status", f"{API}//status", f"//{API}/status",
])  # fmt: skip
def test_no_address_leads_a_stranger_to_anything(node, path):
    answer = raw_request(node, f"GET {path} HTTP/1.1\r\nHost: {node.admin}\r\nConnection: close\r\n\r\n".encode())

    status, body = int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2]
    assert status in (302, 308, 400, 401, 404), answer
    assert not any(secret in body for secret in (b"root:", b"import ", token_of(node).encode(), node.peer_id.encode()))


@pytest.mark.parametrize(
    "text", ["../../admin.token", "..%2f..%2fadmin.token", "<script>", "%00", "a" * 5000, "%ff%fe", "{{7*7}}"]
)
def test_what_is_no_hash_and_no_peer_is_refused_as_such(visitor, text):
    for path in (f"{API}/transactions/", f"{API}/dead-letters/", "/admin/transactions/", "/admin/peers/"):
        answer = visitor.get(f"{path}{text}")

        assert answer.status_code in (400, 404), path
        assert "<script>" not in answer.text.replace('<script type="module"', "") or "json" in answer.headers["Content-Type"]


# What others say


def test_every_page_is_safe_with_a_hostile_peer(visitor, nodes, hostile_hash):
    pages = pages_about(visitor, nodes, hostile_hash)
    seen = ""
    for path in pages:
        answer = visitor.get(path)
        contents = Contents(answer.text)

        assert answer.status_code == 200, path
        assert "text/html" in answer.headers["Content-Type"]
        assert contents.inline == [], path
        assert all(loaded.startswith(("/admin/static/", "data:")) for loaded in contents.loads), path
        assert "<script>alert" not in answer.text
        assert HOSTILE_REGISTER not in answer.text
        seen += contents.text
    assert HOSTILE_NAME in seen, "no page shows the name of the peer"


def test_every_answer_tells_browsers_what_not_to_do(visitor, nodes, hostile_hash):
    for path in [
        *pages_about(visitor, nodes, hostile_hash),
        "/admin/login",
        "/admin/nothing",
        f"{API}/status",
        "/metrics",
        "/nothing",
    ]:
        headers = visitor.get(path).headers

        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'"), path
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert not {"Server", "Access-Control-Allow-Origin"} & set(headers)


def test_a_hostile_payload_is_a_download_and_nothing_else(visitor, hostile_hash):
    answer = visitor.get(f"{API}/transactions/{hostile_hash}")

    assert answer.content == HOSTILE_PAYLOAD
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{hostile_hash}"'


@pytest.mark.parametrize("text", ["text/html\r\nSet-Cookie: a=b", "a\nb", "x\x00y", "\u2028", "a" * 300])
def test_what_is_said_about_a_payload_adds_no_header(node, visitor, text):
    payload = sha256(text.encode()).digest()
    line = {"payload_b64": base64.b64encode(payload).decode(), "content_type": text, "register_id": text}
    bearer = {"Authorization": f"Bearer {token_of(node)}", "Content-Type": "application/x-ndjson"}
    answer = Visitor(node).post(f"{API}/transactions/batch", data=json.dumps(line), headers=bearer)
    shown = visitor.get(f"{API}/transactions/{sha256(payload).hexdigest()}")

    assert answer.status_code == 200
    assert "Set-Cookie" not in shown.headers
    if answer.json()["rejected"]:
        assert shown.status_code == 404


# Guessing, rebinding, slowness


def test_who_guesses_has_to_wait_and_gets_in_later(nodes):
    guesser = Visitor(nodes[1])
    answers = []
    for number in range(8):
        # Nobody is in front of this node, so nobody's word counts about where a guess comes from.
        guesser.headers["X-Forwarded-For"] = f"192.0.2.{number}"
        answers.append(guesser.log_in("wrong"))
    while_waiting = guesser.log_in()

    assert [answer.status_code for answer in answers[:5]] == [401] * 5
    assert answers[-1].status_code == while_waiting.status_code == 429
    retry_after_s = int(while_waiting.headers["Retry-After"])
    assert 1 <= retry_after_s <= 10
    assert guesser.get(f"{API}/status", headers={"Authorization": f"Bearer {token_of(nodes[1])}"}).status_code == 200
    time.sleep(retry_after_s)
    assert guesser.log_in().status_code == 303
    assert "wrong token or password" in nodes[1].log_text()


def test_who_guesses_many_at_once_gets_no_more_guesses(tmp_path):
    with Cluster(tmp_path, 1) as cluster:
        cluster.start()
        [node] = cluster.nodes
        (node.data_dir / "admin.password").write_text(generate_password_hash("correct horse", "scrypt:16384:8:1"))
        statuses: list[int] = []
        guesses = [threading.Thread(target=lambda: statuses.append(Visitor(node).log_in("wrong").status_code)) for _ in range(40)]
        for guess in guesses:
            guess.start()
        for guess in guesses:
            guess.join()

    assert len(statuses) == 40
    assert statuses.count(401) <= 6, statuses


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil.example"])
@pytest.mark.parametrize("path", ["/admin/", "/admin/login", f"{API}/status"])
def test_a_name_that_is_not_this_nodes_is_refused(visitor, node, host, path):
    """A page of a stranger whose name suddenly means this machine has that name in its requests."""
    host = host.format(port=node.admin.rpartition(":")[2])

    assert visitor.get(path).status_code in (200, 302)
    assert visitor.get(path, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_names_of_this_machine_are_answered(visitor, node, host):
    headers = {"Host": f"{host}:{node.admin.rpartition(':')[2]}", "Cookie": f"{visitor.cookie_name}={visitor.session_id()}"}

    assert Visitor(node).get("/admin/", headers=headers).status_code == 200


@pytest.mark.parametrize("clients", [50, 400])
def test_slow_clients_hold_nobody_up(node, visitor, clients):
    host, _, port = node.admin.rpartition(":")
    slow = []
    try:
        for number in range(clients):
            slow.append(connection := socket.create_connection((host, int(port)), timeout=10))
            head = b"POST /admin/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            connection.sendall(head + (b"\r\nsecret=" if number % 2 else b""))

        begun_s = time.monotonic()
        statuses = [Visitor(node).get("/healthz").status_code]
        statuses += [visitor.get(path).status_code for path in ("/admin/", f"{API}/status")]
        took_s = time.monotonic() - begun_s
    finally:
        for connection in slow:
            connection.close()

    assert statuses == [200] * 3
    assert took_s < 5.0
