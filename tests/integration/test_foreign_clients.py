"""Clients that are no nodes and share no code with one: Node.js with the published .proto files, and curl."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from devnet_commands import SHARED_DATA
from gevent.pywsgi import WSGIServer

from sorcha_peer_core.cli.cluster import Cluster, NodeProcess, wait_until

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "examples" / "foreign-client"
PROTOS = ROOT / "sorcha_peer_core" / "wire"
BLOCK = SHARED_DATA / "bitcoin-block.raw"
BLOCK_BYTES = 1_381_836
"""Of a stand-in: above the threshold of streaming and the size of one batch."""
LINK_TIMEOUT_S = 30
SPREAD_TIMEOUT_S = 30


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if not shutil.which(program)]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


class Foreign(NamedTuple):
    """The Node.js client beside a node that it trusts by its certificate."""

    script: Path
    node: NodeProcess

    def run(self, *arguments: object) -> list[Any]:
        """One command; what it printed, a JSON value a line."""
        address = self.node.listen.replace("grpc://", "")
        certificate = self.node.data_dir / "tls" / "certificate.pem"
        command = ["node", self.script, "--protos", PROTOS, "--node", address, "--ca", certificate, *arguments]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def script(tmp_path_factory) -> Path:
    """The example with its packages, in a folder of its own."""
    folder = tmp_path_factory.mktemp("foreign-client")
    for name in ("package.json", "package-lock.json", "client.js"):
        shutil.copy(CLIENT / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=110, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot get the packages of the example: {done.stderr.strip().splitlines()[-1:]}")
    return folder / "client.js"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("nodes"), 2) as running:
        running.start()
        running.wait_until_linked(1, LINK_TIMEOUT_S)
        yield running.nodes


@pytest.fixture
def foreign(script, nodes) -> Foreign:
    return Foreign(script, nodes[0])


@pytest.fixture(scope="module")
def block(nodes) -> bytes:
    """A large transaction that both nodes have."""
    payload = BLOCK.read_bytes() if BLOCK.is_file() else os.urandom(BLOCK_BYTES)
    submitted = nodes[1].client.submit(payload)["hash"]
    assert submitted == sha256(payload).hexdigest()
    wait_until_it_has(nodes[0], payload)
    return payload


def wait_until_it_has(node: NodeProcess, payload: bytes) -> None:
    tx_hash = sha256(payload).hexdigest()
    wait_until(lambda: tx_hash in node.hashes(), SPREAD_TIMEOUT_S, f"node {node.number} to have the transaction", 0.1)


def curl(node: NodeProcess, path: str, *options: object) -> bytes:
    """One request over TLS, with the certificate of the node's data directory as the only one that is trusted."""
    url = rest_url(node)
    port = url.rpartition(":")[2]
    certificate = node.data_dir / "tls" / "certificate.pem"
    command = ["curl", "-sS", "--fail-with-body", "--noproxy", "*", "--cacert", certificate]
    command += ["--resolve", f"sorcha-peer:{port}:127.0.0.1", *options, f"https://sorcha-peer:{port}/api/v1{path}"]
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def rest_url(node: NodeProcess) -> str:
    [url] = [address for address in node.status()["listening"] if address.startswith("rest://")]
    return str(url)


def payload_at(node: NodeProcess, tx_hash: str) -> bytes:
    with node.client.payload(tx_hash) as pieces:
        return b"".join(pieces)


@needs("node", "npm")
def test_a_nodejs_client_pings_a_node_over_tls(foreign):
    [answer] = foreign.run("ping")

    assert (answer["peer_id"], answer["status"]) == (foreign.node.peer_id, "ONLINE")


@needs("node", "npm")
def test_a_nodejs_client_registers_and_is_listed_beside_the_linked_node(foreign, nodes):
    [registered] = foreign.run("register", "--as", "listed-client", "--listen", "127.0.0.1:9")

    [listed] = foreign.run("list")

    assert registered["success"], registered["message"]
    assert {peer["peer_id"] for peer in listed["peers"]} >= {nodes[1].peer_id, "listed-client"}


@needs("node", "npm")
@pytest.mark.parametrize("command", ["get", "stream"])
def test_a_nodejs_client_gets_and_streams_a_large_transaction(foreign, block, tmp_path, command):
    foreign.run(command, sha256(block).hexdigest(), "--out", tmp_path / "out")

    assert (tmp_path / "out").read_bytes() == block


@needs("node", "npm", "openssl")
@pytest.mark.parametrize("encrypted", [False, True], ids=["plaintext", "tls"])
def test_what_a_nodejs_client_notifies_is_fetched_from_it_and_reaches_another_node(foreign, nodes, tmp_path, encrypted):
    small, large = os.urandom(1000), os.urandom(BLOCK_BYTES)
    (tmp_path / "small").write_bytes(small)
    (tmp_path / "large").write_bytes(large)
    own_tls = _server_certificate(tmp_path) if encrypted else []

    name = f"publisher-{encrypted}"
    registered, *told, served = foreign.run("publish", "--as", name, *own_tls, tmp_path / "small", tmp_path / "large")

    assert registered["registered"]["success"]
    assert [(item["first"]["will_request"], item["known"]) for item in told] == [(True, True)] * 2
    assert (served["requested"]["get"], served["requested"]["stream"]) == (1, 1)
    for payload in (small, large):
        wait_until_it_has(nodes[1], payload)
        assert payload_at(nodes[1], sha256(payload).hexdigest()) == payload


@needs("node", "npm")
def test_a_transaction_that_is_known_is_not_asked_for_again(foreign, block, tmp_path):
    (tmp_path / "block").write_bytes(block)

    _, told, served = foreign.run("publish", "--as", "late-publisher", tmp_path / "block")

    assert told["first"] == {"already_known": True, "will_request": False}
    assert (served["requested"]["get"], served["requested"]["stream"]) == (0, 0)


@needs("curl")
def test_curl_registers_lists_pings_and_notifies_over_tls(nodes):
    node = nodes[0]
    info = {"peerId": "curl-client", "address": "127.0.0.1", "port": 9, "supportedProtocols": ["Rest"]}
    told = {"transactionHash": "ab" * 32, "senderPeerId": "nobody", "transactionSize": "10"}
    as_json = ("-H", "Content-Type: application/json")

    registered = json.loads(curl(node, "/peers/register", *as_json, "-d", json.dumps({"peerInfo": info})))
    listed = json.loads(curl(node, "/peers/list?max_peers=100"))
    pinged = json.loads(curl(node, "/peers/ping"))
    notified = json.loads(curl(node, "/transactions/notify", *as_json, "-d", json.dumps(told)))

    assert registered["success"]
    assert "curl-client" in {peer["peerId"] for peer in listed["peers"]}
    assert (pinged["peerId"], pinged["status"]) == (node.peer_id, "ONLINE")
    assert notified == {"alreadyKnown": False, "willRequest": False}


@needs("curl")
def test_curl_gets_a_large_transaction_whole_and_in_parts(nodes, block):
    path = f"/transactions/{sha256(block).hexdigest()}"

    assert curl(nodes[0], path) == block
    assert curl(nodes[0], path, "-r", "1000-1999") == block[1000:2000]


@pytest.fixture
def http_server():
    """A client that serves what it has by plain HTTP, and nothing but that; yields its port and its payloads."""
    payloads: dict[str, bytes] = {}

    def answer(environ, start_response):
        payload = payloads.get(environ["PATH_INFO"].rpartition("/")[2])
        start_response("404 Not Found" if payload is None else "200 OK", [("Content-Type", "application/octet-stream")])
        return [payload or b""]

    server = WSGIServer(("127.0.0.1", 0), answer, log=None)
    server.start()
    yield server.server_port, payloads
    server.stop(timeout=0.1)


@needs("curl")
def test_what_an_http_client_notifies_is_fetched_from_it_and_reaches_another_node(nodes, http_server):
    port, payloads = http_server
    payload = os.urandom(BLOCK_BYTES)
    tx_hash = sha256(payload).hexdigest()
    payloads[tx_hash] = payload
    info = {"peerId": "http-client", "address": "127.0.0.1", "port": port, "supportedProtocols": ["Rest"]}
    told = {"transactionHash": tx_hash, "senderPeerId": "http-client", "transactionSize": str(len(payload))}
    as_json = ("-H", "Content-Type: application/json")

    curl(nodes[0], "/peers/register", *as_json, "-d", json.dumps({"peerInfo": info}))
    notified = json.loads(curl(nodes[0], "/transactions/notify", *as_json, "-d", json.dumps(told)))

    assert notified == {"alreadyKnown": False, "willRequest": True}
    wait_until_it_has(nodes[1], payload)
    assert payload_at(nodes[1], tx_hash) == payload


@needs("curl")
def test_a_transaction_that_does_not_have_the_notified_hash_is_not_taken(nodes, http_server):
    port, payloads = http_server
    forged = "cd" * 32
    payloads[forged] = b"forged"
    info = {"peerId": "forger", "address": "127.0.0.1", "port": port, "supportedProtocols": ["Rest"]}
    told = {"transactionHash": forged, "senderPeerId": "forger", "transactionSize": "6"}
    as_json = ("-H", "Content-Type: application/json")

    curl(nodes[0], "/peers/register", *as_json, "-d", json.dumps({"peerInfo": info}))
    curl(nodes[0], "/transactions/notify", *as_json, "-d", json.dumps(told))

    wait_until(lambda: "was not taken from client forger" in nodes[0].log_text(), SPREAD_TIMEOUT_S, "the refusal in the log", 0.1)
    assert forged not in nodes[0].hashes()


def _server_certificate(folder: Path) -> list[object]:
    """A self-signed certificate for the client, made by another tool than ours."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command += [
        "-subj",
        "/CN=foreign",
        "-addext",
        "subjectAltName=DNS:foreign.example",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run(command, capture_output=True, check=True, timeout=30)
    return ["--tls-key", key, "--tls-certificate", certificate]
