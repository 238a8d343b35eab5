"""Watches a devnet while transactions spread, and collects what its nodes have to say at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import psutil

from sorcha_peer_core.cli.cluster import NodeProcess, read_log
from sorcha_peer_core.cli.devnet_publish import Publisher
from sorcha_peer_core.cli.devnet_report import NodeRecord
from sorcha_peer_core.cli.devnet_settle import node_cpu_s
from sorcha_peer_core.cli.progress import Advance
from sorcha_peer_core.client import Json, Refused
from sorcha_peer_core.errors import NodeUnreachable

POLL_S = 0.2
POLL_GENTLY_S = 1.0
STALLED_S = 30.0
_ASKED_PER_POLL = 2
"""Nodes asked at a time: what asking costs would otherwise be part of what is measured."""


class Sample(NamedTuple):
    """The counters of one node at one moment."""

    copies_received: int
    sent_bytes: int
    cpu_s: float


class Watch:
    """How far the nodes have got."""

    def __init__(self, nodes: Sequence[NodeProcess], wanted: int, poll_s: float = POLL_S, stalled_s: float = STALLED_S) -> None:
        self._nodes = nodes
        self._poll_s = poll_s
        self._stalled_s = stalled_s
        self._wanted = wanted
        self._stored = [0] * len(nodes)
        self._waiting = list(range(len(nodes)))

    def until_all_arrived(self, publisher: Publisher, published: Advance, arrived: Advance) -> None:
        """Block until every node holds as many transactions as were published, or nothing has moved for a while.

        Raises what kept the publisher from publishing.
        """
        moved_at, before = time.monotonic(), -1
        while self._waiting and time.monotonic() < moved_at + self._stalled_s:
            time.sleep(self._poll_s)
            if publisher.failure is not None:
                raise publisher.failure
            self._ask_some()
            published(len(publisher.published))
            arrived(sum(self._stored))
            now_moved = sum(self._stored) + len(publisher.published)
            if now_moved != before or not publisher.done:
                moved_at, before = time.monotonic(), now_moved

    def _ask_some(self) -> None:
        """Ask the next few of those that were not complete when asked last."""
        for number in self._waiting[:_ASKED_PER_POLL]:
            self._waiting.remove(number)
            try:
                self._stored[number] = self._nodes[number].status()["transactions"]["stored"]
            except (NodeUnreachable, Refused):
                self._stored[number] = 0
            if self._stored[number] < self._wanted:
                self._waiting.append(number)


def samples_of(nodes: Sequence[NodeProcess]) -> list[Sample]:
    """The counters of all nodes now; zeros for a node that is gone."""
    return [_sample_of(node) for node in nodes]


def records_of(nodes: Sequence[NodeProcess], before: Sequence[Sample], after: Sequence[Sample]) -> list[NodeRecord]:
    """What every node holds, and what it took between two samples."""
    return [_record_of(*each) for each in zip(nodes, before, after, strict=True)]


def trace_at(node: NodeProcess, tx_hash: str) -> Json | None:
    """The way of one transaction through a node; None when it has no trace of it, or is gone."""
    try:
        return node.client.trace(tx_hash)
    except (NodeUnreachable, Refused):
        return None


def _sample_of(node: NodeProcess) -> Sample:
    try:
        traffic = node.status()["traffic"]
    except (NodeUnreachable, Refused):
        return Sample(0, 0, 0.0)
    return Sample(traffic["received"], traffic["sent_bytes"], node_cpu_s(node))


def _record_of(node: NodeProcess, before: Sample, after: Sample) -> NodeRecord:
    try:
        links: dict[str, int] = node.status()["links"]
        log: list[Json] = read_log(node.client)
    except (NodeUnreachable, Refused) as error:
        return NodeRecord(problem=str(error) if node.is_running() else "the node has ended")
    return NodeRecord(
        received_ms={line["hash"]: line["received_ms"] for line in log},
        payload_bytes=sum(line["size"] for line in log),
        copies_received=max(0, after.copies_received - before.copies_received),
        sent_bytes=max(0, after.sent_bytes - before.sent_bytes),
        links=links,
        rss_bytes=_rss_bytes(node),
        cpu_s=max(0.0, after.cpu_s - before.cpu_s),
    )


def _rss_bytes(node: NodeProcess) -> int:
    try:
        return int(psutil.Process(node.pid).memory_info().rss)
    except psutil.Error:
        return 0
