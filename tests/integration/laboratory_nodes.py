"""What tests ask nodes, and wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any

from sorcha_peer_core.cli.cluster import NodeProcess, read_log, wait_until

SOON_S = 40.0
"""Long after what is waited for has happened, also on a busy machine."""


def wait_until_ready(*nodes: NodeProcess) -> None:
    """Block until all of them listen; they were started at the same time."""
    for node in nodes:
        node.wait_until_ready()


def peers_of(node: NodeProcess) -> dict[str, dict[str, Any]]:
    """What it says of all peers that it knows, by peer id."""
    return {peer["id"]: peer for peer in node.client.peers()}


def linked_to(node: NodeProcess) -> set[str]:
    """The peer ids of those it is linked to."""
    return {peer["id"] for peer in node.client.peers() if peer["status"] == "linked"}


def wait_until_linked(node: NodeProcess, *others: NodeProcess, timeout_s: float = SOON_S) -> None:
    """Block until a node is linked to all the others."""
    wanted = {other.peer_id for other in others}
    wait_until(lambda: linked_to(node) >= wanted, timeout_s, f"node {node.number} to be linked to {numbers(others)}", 0.1)


def wait_until_status(node: NodeProcess, says: Callable[[dict[str, Any]], bool], what: str, timeout_s: float = SOON_S) -> None:
    """Block until the status of a node is as it should be."""
    wait_until(lambda: says(node.status()), timeout_s, f"node {node.number} to {what}", 0.1)


def spread(origin: NodeProcess, payload: bytes, *others: NodeProcess, timeout_s: float = SOON_S) -> None:
    """Submit at one node and block until the others have it."""
    origin.client.submit(payload)
    wait_until_all_have([payload], others, timeout_s)


def wait_until_all_have(payloads: Iterable[bytes], nodes: Sequence[NodeProcess], timeout_s: float = SOON_S) -> None:
    """Block until each of these nodes has all of these transactions."""
    wanted = {sha256(payload).hexdigest() for payload in payloads}
    for node in nodes:
        wait_until(lambda node=node: node.hashes() >= wanted, timeout_s, f"node {node.number} to have {len(wanted)} transactions")


def hops_of(node: NodeProcess, payload: bytes) -> int:
    """How many steps from peer to peer it took to come here."""
    [entry] = [entry for entry in read_log(node.client) if entry["hash"] == sha256(payload).hexdigest()]
    return int(entry["hops"])


def numbers(nodes: Iterable[NodeProcess]) -> str:
    """Of these nodes, for messages."""
    return ", ".join(str(node.number) for node in nodes)
