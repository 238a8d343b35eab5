"""One run of devnet from the first process to the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gevent
import psutil

from sorcha_peer_core.cli.cluster import Cluster, NodeProcess
from sorcha_peer_core.cli.devnet_measure import POLL_GENTLY_S, POLL_S, Watch, records_of, samples_of, trace_at
from sorcha_peer_core.cli.devnet_plan import cut_off, most_links
from sorcha_peer_core.cli.devnet_publish import Publisher
from sorcha_peer_core.cli.devnet_report import NodeRecord, Run, report_of
from sorcha_peer_core.cli.devnet_settle import settle
from sorcha_peer_core.cli.devnet_trace import sample_of, spread_of, trace_report
from sorcha_peer_core.cli.payloads import Sourced
from sorcha_peer_core.cli.progress import Stages, progress_on_terminal
from sorcha_peer_core.errors import ConfigError

_LINK_TIMEOUT_S = 60.0


class DevnetRun:
    """A network, what is published into it, and what came of it. Used once."""

    def __init__(self, root: Path, nodes: int, configs: Sequence[Mapping[str, Any]], links: int) -> None:
        self._cluster = Cluster(root, nodes, configs)
        self._links = links

    def run(
        self,
        payloads: Sequence[Sourced],
        rate: float | None,
        *,
        settle_s: float = 0.0,
        traced: bool = False,
        visit: Callable[[Sequence[NodeProcess]], None] | None = None,
    ) -> dict[str, Any]:
        """Start, publish, wait, collect, stop; returns the report. No process is left, whatever happens.

        ``settle_s``: how long at most the nodes get to settle before anything is published. ``traced``: the report says how
        some of the transactions spread. ``visit`` is called with the nodes when all else is done, and they run until it returns.
        """
        with progress_on_terminal() as stage, self._cluster:
            start_s = self._start(stage)
            settled_s = settle(self._cluster.nodes, settle_s)
            publisher, records = self._spread(payloads, rate, stage)
            trace = {"trace": self._trace(list(publisher.published))} if traced else {}
            if visit is not None:
                visit(self._cluster.nodes)
        wall_s = time.time() - float(psutil.Process().create_time())
        return report_of(Run(publisher.published, records, publisher.first_submission_ms, start_s, wall_s, settled_s)) | trace

    def _trace(self, hashes: Sequence[str]) -> dict[str, Any]:
        nodes, sample = self._cluster.nodes, sample_of(hashes)
        peer_ids = [node.peer_id for node in nodes]
        spreads = [spread_of(tx_hash, [trace_at(node, tx_hash) for node in nodes], peer_ids) for tx_hash in sample]
        return trace_report([spread for spread in spreads if spread is not None], len(sample))

    def _start(self, stage: Stages) -> float:
        begin, nodes = time.monotonic(), len(self._cluster.nodes)
        schemes = self._cluster.schemes()
        alone = cut_off(schemes)
        if alone is not None:
            raise ConfigError(
                f"communication.transports of node {alone + 1} leads to none of the nodes that node 1 can reach; "
                "one node that has both sides' transports would join them"
            )
        links = [min(self._links, most) for most in most_links(schemes)]
        self._cluster.start(stage("nodes started", nodes))
        self._cluster.wait_until_linked(links, _LINK_TIMEOUT_S + nodes, stage("nodes linked", nodes))
        return time.monotonic() - begin

    def _spread(self, payloads: Sequence[Sourced], rate: float | None, stage: Stages) -> tuple[Publisher, list[NodeRecord]]:
        nodes = self._cluster.nodes
        publisher = Publisher(nodes, payloads)
        before = samples_of(nodes)
        publishing = gevent.spawn(publisher.publish, rate)
        try:
            # Where latency is measured, even the asking would be felt.
            watch = Watch(nodes, len(payloads), POLL_S if rate is None else POLL_GENTLY_S)
            watch.until_all_arrived(
                publisher, stage("transactions published", len(payloads)), stage("arrivals", len(payloads) * len(nodes))
            )
        finally:
            publishing.kill()
        after = samples_of(nodes)
        return publisher, records_of(nodes, before, after)
