"""The management API of a real node against its OpenAPI document: whatever schemathesis thinks of is answered as written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
import requests

from sorcha_peer_core.cli.cluster import Cluster, wait_until

pytest.importorskip("schemathesis", reason="schemathesis is not installed (requirements-dev.txt)")

PARTS = Path(__file__).parent / "openapi"
REFUSED_BYTES = 2000
"""Of a payload that the first node takes and its peer does not."""
PAYLOADS = (b"hello", b'{"amount": 1}', b"\x00\xff" * 100)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """One of two linked nodes, with transactions and a dead letter."""
    small = {"transaction_distribution": {"max_transaction_bytes": REFUSED_BYTES - 1}}
    with Cluster(tmp_path_factory.mktemp("nodes"), 2, [{}, small]) as cluster:
        cluster.start()
        cluster.wait_until_linked(1, 30)
        node = cluster.nodes[0]
        node.client.submit_batch(PAYLOADS)
        node.client.submit(b"x" * REFUSED_BYTES)
        wait_until(lambda: node.status()["queue"]["dead"] == 1, 30, "the dead letter", 0.1)
        yield node


def token_of(node) -> str:
    return (node.data_dir / "admin.token").read_text().strip()


def environment_of(node) -> dict[str, str]:
    payloads = (*PAYLOADS, b"x" * REFUSED_BYTES)
    known = {
        "tx_hash": [sha256(payload).hexdigest() for payload in payloads],
        "peer_id": [peer["id"] for peer in node.client.peers()],
    }
    path = os.pathsep.join((str(PARTS), os.environ.get("PYTHONPATH", "")))
    return {**os.environ, "PYTHONPATH": path, "SORCHA_KNOWN_VALUES": json.dumps(known)}


def run_schemathesis(node, folder: Path, examples: int, seed: int) -> subprocess.CompletedProcess[str]:
    """Ask the node what the document allows and what it forbids; what it says ends with how to ask the same again."""
    url = f"http://{node.admin}"
    command = [Path(sys.executable).with_name("schemathesis"), "--config-file", PARTS / "schemathesis.toml", "run"]
    command += ["--url", url, "--header", f"Authorization: Bearer {token_of(node)}", "--max-examples", examples, "--seed", seed]
    command += ["--generation-database", "none", f"{url}/manage/v1/openapi.json"]
    arguments = [str(part) for part in command]
    return subprocess.run(
        arguments, cwd=folder, env=environment_of(node), capture_output=True, text=True, timeout=900, check=False
    )


@pytest.mark.parametrize(
    ("examples", "seed"),
    [(15, 1), pytest.param(400, 2, marks=[pytest.mark.long, pytest.mark.timeout(1000)])],
    ids=["short", "long"],
)
def test_a_node_answers_as_its_document_says(node, tmp_path, examples, seed):
    done = run_schemathesis(node, tmp_path, examples, seed)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in node.log_text()
    assert node.is_running()


def test_the_lines_of_the_log_are_as_the_document_says(node):
    validators = pytest.importorskip("jsonschema_rs")
    url, headers = f"http://{node.admin}/manage/v1", {"Authorization": f"Bearer {token_of(node)}"}
    document = requests.get(f"{url}/openapi.json", headers=headers, timeout=10).json()
    schema = {"$ref": "#/components/schemas/LogLine", "components": document["components"]}

    lines = requests.get(f"{url}/transactions", headers=headers, timeout=10).text.splitlines()

    assert len(lines) >= len(PAYLOADS)
    for line in lines:
        validators.validate(schema, json.loads(line))
