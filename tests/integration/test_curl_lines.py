"""The curl lines of README.md and docs/management-api.md do what the text around them says, at a real node."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest

from sorcha_peer_core.cli.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "docs/management-api.md")
README_ADDRESS = "http://127.0.0.1:5080"
"""Of a node with the default ports, which a test cannot have for itself."""
STREAM_S = 2
TIMED_OUT = 28
"""What curl ends with when a stream goes on; only a followed stream does."""
NOT_RUN: dict[str, str] = {}
"""First line of a block -> why it cannot be run here."""
STANDS_FOR = {"HASH": sha256(b"hello\n").hexdigest()}
"""What a reader puts in the place of a word in capitals."""

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="not installed: curl")


class Block(NamedTuple):
    """Some lines of shell in a document."""

    document: str
    line: int
    script: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def blocks_of(document: str) -> list[Block]:
    """Every fenced block with a curl line. In README's sessions the lines behind a prompt are what is typed."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found = []
    for fenced in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        typed = re.findall(r"^\$ (.*)$", fenced[2], re.MULTILINE) or fenced[2].splitlines()
        if fenced[1] in ("", "sh") and any(re.match(r"\s*curl ", line) for line in typed):
            found.append(Block(document, text[: fenced.start()].count("\n") + 1, "\n".join(typed) + "\n"))
    return found


BLOCKS = [block for document in DOCUMENTS for block in blocks_of(document)]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("nodes"), 2) as cluster:
        cluster.start()
        cluster.wait_until_linked(1, 30)
        cluster.nodes[0].client.submit(b"hello\n", content_type="text/plain")
        yield cluster.nodes[0]


@pytest.fixture
def folder(node, tmp_path) -> Path:
    """What a reader has in front of them: the data directory under both its names, and some files."""
    for name in ("a", "sorcha-peer-data"):
        (tmp_path / name).symlink_to(node.data_dir)
    here_too = node.data_dir / "sorcha-peer-data"  # one block goes there, the others are there
    if not here_too.is_symlink():
        here_too.symlink_to(".")
    for place in (tmp_path, node.data_dir):
        (place / "hello.txt").write_text("hello\n")
        (place / "invoice.json").write_text('{"amount": 1}')
        (place / "batch.ndjson").write_text('{"payload_b64": "aGk="}\n')
    # Errors of HTTP are errors, nothing goes through a proxy, and a stream without end is cut off.
    (tmp_path / ".curlrc").write_text(f'fail-with-body\nnoproxy = "*"\nmax-time = {STREAM_S}\n')
    return tmp_path


def test_there_are_curl_lines_in_both_documents():
    assert {block.document for block in BLOCKS} == set(DOCUMENTS)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_the_curl_lines_are_answered(block, node, folder):
    first_line = block.script.splitlines()[0]
    if first_line in NOT_RUN:
        pytest.skip(NOT_RUN[first_line])
    peer_id = node.client.peers()[0]["id"]
    script = block.script.replace(README_ADDRESS, f"http://{node.admin}")
    for word, value in (STANDS_FOR | {"PEER_ID": peer_id}).items():
        script = re.sub(rf"(?<![\w$]){word}\b", value, script)

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder if block.document == "README.md" else folder / "sorcha-peer-data",
        env={**os.environ, "CURL_HOME": str(folder)},
        capture_output=True,
        timeout=60,
        check=False,
    )

    followed = "follow" in script and done.returncode == TIMED_OUT
    assert done.returncode == 0 or followed, (script, done.stdout.decode(), done.stderr.decode())
    assert done.stdout.strip()
