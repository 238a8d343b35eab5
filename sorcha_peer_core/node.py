"""Assembly and lifecycle of one node: what is built from what, in which order it starts and stops."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from sorcha_peer_core import __version__
from sorcha_peer_core.builtin import plugin as builtin_plugin
from sorcha_peer_core.builtin.hash_filter import BloomHashFilter
from sorcha_peer_core.config import Config, Section
from sorcha_peer_core.interfaces.service import Health, LogSlice, NodeStatus, PeerView, SubmitResult, Traffic
from sorcha_peer_core.interfaces.transport import TransportContext
from sorcha_peer_core.model.events import StateChanged
from sorcha_peer_core.model.peer import parse_host_port
from sorcha_peer_core.plugin_manager import PluginManager
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.core import Core
from sorcha_peer_core.protocol.membership import Membership
from sorcha_peer_core.services.address import advertised, check_plaintext
from sorcha_peer_core.services.data_dir import DataDirLock
from sorcha_peer_core.services.discovery import Discovery
from sorcha_peer_core.services.driver import Driver
from sorcha_peer_core.services.events import EventBus
from sorcha_peer_core.services.identity import load_or_create_identity
from sorcha_peer_core.services.links import Links
from sorcha_peer_core.services.metrics import Metrics, NodeReading
from sorcha_peer_core.services.native import NativeThread
from sorcha_peer_core.services.outbox import Outbox
from sorcha_peer_core.services.peer_api import NodePeerApi
from sorcha_peer_core.services.security import TransactionRules
from sorcha_peer_core.services.session import LocalSide
from sorcha_peer_core.services.state import ServiceState
from sorcha_peer_core.services.storage import Storage
from sorcha_peer_core.services.supervisor import Supervisor
from sorcha_peer_core.services.verifier import Verifier

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import Service
    from sorcha_peer_core.interfaces.store import Store
    from sorcha_peer_core.interfaces.strategy import Strategy
    from sorcha_peer_core.interfaces.transport import Transport
    from sorcha_peer_core.model.ids import PeerId, TxHash
    from sorcha_peer_core.model.messages import Message
    from sorcha_peer_core.model.peer import Endpoint, PeerRecord
    from sorcha_peer_core.model.transaction import Submission

log = logging.getLogger(__name__)

SOFTWARE = f"sorcha-peer/{__version__}"
_FILTER_HASHES = 350_000
"""One generation of the filter: about 0.7 s of start-up for a log that long."""


def default_plugins() -> PluginManager:
    """The built-in plugin and all that are installed."""
    return PluginManager([("builtin", builtin_plugin)])


class Node:
    """One node. ``start`` and ``stop`` once each; in between it is a :class:`NodeApi` for services."""

    def __init__(self, config: Config, plugins: PluginManager | None = None) -> None:
        self._config = config
        self._plugin_manager = plugins or default_plugins()
        self._lock = DataDirLock(config.data_dir)
        self._supervisor = Supervisor()
        self._events = EventBus()
        self._store_thread = NativeThread()
        self._crypto_thread = NativeThread()
        self._services: list[Service] = []
        self._listening: list[Endpoint] = []
        self._started_at = time.time()
        self._running = False
        self._rng = SystemRandom()

    # Life.

    def start(self) -> None:
        """Come up; returns when peers can link and submissions are taken.

        Raises:
            ConfigError, PluginError: a setting is wrong; nothing was started.
            StartError, StoreError: a port, file or directory stands in the way; what was started was stopped again.
        """
        check_plaintext(self._listen[0], self._config.security.allow_insecure_network)
        strategy, transports, store = self._choose()
        self._lock.acquire()
        try:
            self._identity = load_or_create_identity(self._config.data_dir)
            self._open_store(store)
            self._assemble(strategy)
            self._listen_and_link(transports)
            self._start_services()
        except BaseException:
            self.stop("the start failed")
            raise
        self._running = True

    def stop(self, reason: str) -> None:
        """Go down in order: services, links, then what is still to be written. Idempotent."""
        self._running = False
        grace_s = self._config.communication.shutdown_grace_s
        for service in reversed(self._services):
            service.stop(grace_s / 3)
        self._services = []
        if hasattr(self, "_discovery"):
            self._stop_assembled(grace_s, reason)
        self._lock.release()

    def _stop_assembled(self, grace_s: float, reason: str) -> None:
        self._events.emit(StateChanged("stopping", reason))
        self._discovery.stop()
        self._outbox.stop()
        self._discovery.save_table()
        self._links.stop(grace_s / 3)
        self._verifier.stop()
        self._storage.stop()
        self._driver.stop()
        self._supervisor.stop(grace_s / 3)
        self._last_status = self.status()
        self._store_thread.call(self._store.close)
        del self._discovery

    def _choose(self) -> tuple[Strategy, list[Transport], Store]:
        """What configuration names, built; nothing is opened yet."""
        config, plugins = self._config, self._plugin_manager
        distribution = config.transaction_distribution
        [strategy] = plugins.choose("peer_strategies", [distribution.strategy], "transaction_distribution.strategy")
        [store] = plugins.choose("peer_stores", [config.store.url.partition("://")[0].partition("+")[0]], "store.url")
        resolvers = plugins.choose("peer_address_resolvers", config.network_address.resolvers, "network_address.resolvers")
        transports = plugins.choose("peer_transports", config.communication.transports, "communication.transports")
        self._resolvers = [offer.build(self.settings("network_address")) for offer in resolvers]
        self._peer_api = NodePeerApi(
            own=lambda: self._record,
            linked=lambda: [peer.record for peer in self._links.peers.values()],
            load=self.payload,
            is_known=self._is_known,
            max_transaction_bytes=distribution.max_transaction_bytes,
        )
        shared: dict[str, Any] = {}
        contexts = [
            TransportContext(
                listen=self._listen,
                settings=config.plugins.get(offer.name, {}),
                peer_api=self._peer_api,
                data_dir=config.data_dir,
                max_transaction_bytes=distribution.max_transaction_bytes,
                streaming_threshold_bytes=distribution.streaming_threshold_bytes,
                max_connections=config.communication.max_connections,
                shared=shared,
            )
            for offer in transports
        ]
        built = [offer.build(context) for offer, context in zip(transports, contexts, strict=True)]
        strategy_settings = self.settings("transaction_distribution")
        return strategy.build(strategy_settings), built, store.build(config.store.url, config.data_dir)

    def _open_store(self, store: Store) -> None:
        self._store = store
        self._store_thread.call(store.open)
        self._filter = BloomHashFilter(secrets.token_bytes(16), self._config.transaction_distribution.bloom_reset_interval_s)
        stored, _ = store.totals()
        self._store_thread.call(lambda: self._filter.fill(store.recent_hashes(_FILTER_HASHES), stored <= _FILTER_HASHES))
        self._cursors = self._store_thread.call(store.cursors)

    def _assemble(self, strategy: Strategy) -> None:
        config = self._config
        discovery, distribution = config.peer_discovery, config.transaction_distribution
        self._record = self._identity.record(config.node.network_id, (), self._name, SOFTWARE)
        self._membership = Membership(
            self._identity.peer_id,
            self._rng,
            most=discovery.max_peers_in_list,
            failure_threshold=discovery.failure_threshold,
            retry_most_s=discovery.retry_interval_s,
        )
        self._state = ServiceState(discovery.min_healthy_peers, self._events.emit)
        self._driver = Driver(self._events, self._filter, aside=self._aside)
        rules = TransactionRules(config.node.network_id, distribution.max_transaction_bytes)
        self._verifier = Verifier(rules, self._crypto_thread, self._driver.verified)
        self._storage = Storage(self._store, self._store_thread, self._events, self._driver.carried_out)
        core = Core(self._core_config(), self._driver, strategy, self._filter, self._rng)
        self._driver.attach(core, self._storage, self._verifier)
        self._driver.last_seq = self._store.totals()[1]
        self._links = Links(
            LocalSide(
                identity=self._identity,
                record=lambda: self._record,
                network_id=config.node.network_id,
                max_transaction_bytes=distribution.max_transaction_bytes,
                log_epoch=self._store.log_epoch,
                allowed_peers=frozenset(config.security.allowed_peers),  # type: ignore[arg-type]
            ),
            self._driver,
            self._events,
            self._supervisor,
            max_connections=config.communication.max_connections,
            cursor_of=self._cursors.get,
        )
        self._outbox = Outbox(
            config.offline_mode,
            self._identity,
            config.node.network_id,
            distribution.transaction_cache_ttl_s,
            store=self._store,
            store_thread=self._store_thread,
            signer=self._crypto_thread,
            driver=self._driver,
        )
        self._discovery = Discovery(
            discovery,
            self._membership,
            self._links,
            self._supervisor,
            self._crypto_thread,
            links_wanted=lambda known: min(strategy.links_wanted(known), config.communication.max_connections),
            save=lambda rows: self._store_thread.call(self._store.save_peers, rows),
            rng=self._rng,
        )
        self._discovery.on_change = self._peers_changed
        self._links.on_linked = self._discovery.linked
        self._links.on_unlinked = self._discovery.unlinked
        self._metrics = Metrics(NodeReading(self.status, self._gauges, self._counters, lambda: self._events.counts))

    def _listen_and_link(self, transports: Sequence[Transport]) -> None:
        config = self._config
        self._listening = self._links.start(transports, config.communication.rung_timeout_s)
        endpoints = advertised(self._listening, self._resolvers)
        self._record = self._identity.record(config.node.network_id, endpoints, self._name, SOFTWARE)
        for name, run in (
            ("driver", self._driver.run),
            ("verifier", self._verifier.run),
            ("storage", self._storage.run),
            ("outbox", self._outbox.run),
        ):
            self._supervisor.spawn(name, run)
        self._discovery.restore(self._store_thread.call(self._store.peers))
        self._discovery.start()

    def _start_services(self) -> None:
        for service in self._plugin_manager.services(self):
            self._services.append(service)
            service.start()

    def _core_config(self) -> CoreConfig:
        distribution = self._config.transaction_distribution
        return CoreConfig(
            eager_max_bytes=distribution.eager_max_bytes,
            swarm_min_bytes=distribution.swarm_min_bytes,
            max_transaction_bytes=distribution.max_transaction_bytes,
            probe_interval_s=self._config.communication.link_probe_interval_s,
        )

    def _aside(self, peer_id: PeerId, message: Message) -> None:
        self._discovery.received(peer_id, message)

    def _peers_changed(self) -> None:
        linked, hopeful = len(self._links.peers), self._membership.hopeful
        self._state.update(linked, hopeful)
        self._driver.post(self._driver.core.known_peers, hopeful)
        self._outbox.wake()

    # NodeApi.

    @property
    def data_dir(self) -> Path:
        """Where the node keeps its files."""
        return self._config.data_dir

    @property
    def max_transaction_bytes(self) -> int:
        """The largest payload that ``submit`` accepts."""
        return self._config.transaction_distribution.max_transaction_bytes

    def settings(self, section: str) -> Mapping[str, Any]:
        """A section of the configuration as plain values."""
        head, _, rest = section.partition(".")
        if head == "plugins":
            return self._config.plugins.get(rest, {})
        found = getattr(self._config, head, None)
        return found.model_dump() if isinstance(found, Section) else {}

    def status(self) -> NodeStatus:
        """The state right now; after a stop, the last one."""
        if hasattr(self, "_last_status"):
            return self._last_status
        peers = self._links.peers.values()
        directions: dict[tuple[str, str], int] = {}
        links: dict[str, int] = {}
        for peer in peers:
            key = (peer.link.transport, "outbound" if peer.link.outbound else "inbound")
            directions[key] = directions.get(key, 0) + 1
            links[peer.link.transport] = links.get(peer.link.transport, 0) + 1
        stored, last_seq = self._store.totals()
        counters = self._driver.core.counters
        return NodeStatus(
            peer_id=self._identity.peer_id,
            name=self._name,
            version=__version__,
            network_id=self._config.node.network_id,
            state=self._state.name,
            started_at=int(self._started_at),
            uptime_s=round(time.time() - self._started_at, 3),
            listening=tuple(str(endpoint) for endpoint in self._listening),
            external_address=self._record.endpoints[0].authority if self._record.endpoints else "",
            reachability="unknown",
            peers_known=len(self._membership),
            peers_connected=len(peers),
            peers_active=len(peers),
            links=links,
            links_by_direction=directions,
            queue_pending=self._store.queue_totals()[0],
            queue_inflight=self._driver.own_in_flight,
            queue_dead=0,
            transactions_stored=stored,
            transactions_delivered=last_seq,
            last_seq=last_seq,
            log_epoch=self._store.log_epoch,
            traffic=Traffic(counters.received, counters.duplicates, *self._links.traffic()),
            last_discovery_at=self._discovery.last_discovery_at,
            partition=False,
        )

    def health(self) -> Health:
        """Live while the greenlets run, ready while the store takes submissions."""
        reasons = [f"the greenlet {name} failed" for name in self._supervisor.failed]
        if not self._running:
            reasons.append("the node is starting or stopping")
        elif self._storage.failure:
            reasons.append(f"the store cannot be written: {self._storage.failure}")
        return Health(live=not self._supervisor.failed, ready=not reasons, reasons=reasons)

    def peers(self) -> list[PeerView]:
        """All known peers, linked ones first."""
        views = [self._view(member.record, member.failures) for member in self._membership.members]
        return sorted(views, key=lambda view: (view.status != "linked", view.peer_id))

    def _view(self, record: PeerRecord, failures: int) -> PeerView:
        peer = self._links.peers.get(record.peer_id)
        rtt_s = self._driver.core.rtt_s(peer.index) if peer else None
        return PeerView(
            peer_id=record.peer_id,
            name=record.name,
            address=record.endpoints[0].authority if record.endpoints else "",
            status="linked" if peer else "known",
            transport=peer.link.transport if peer else "",
            direction=("outbound" if peer.link.outbound else "inbound") if peer else "",
            latency_ms=None if rtt_s is None else round(rtt_s * 1000, 3),
            last_seen_at=self._discovery.last_seen_at(record.peer_id),
            failures=failures,
            is_bootstrap=self._discovery.is_bootstrap(record.peer_id),
            software=record.software,
            queued_bytes=peer.queue.waiting_bytes if peer else 0,
        )

    def submit(self, submissions: Sequence[Submission]) -> list[SubmitResult]:
        """Accept payloads; returns after the commit. Raises QueueFull or StoreError, and then accepted none."""
        fresh = self._outbox.put(submissions)
        return [
            SubmitResult(submission.tx_hash, "queued" if new else "known")
            for submission, new in zip(submissions, fresh, strict=True)
        ]

    def transactions(self, after: int, limit: int, register_id: str | None = None) -> LogSlice:
        """A slice of the arrival log."""
        entries, oldest_seq = self._store_thread.call(
            lambda: (self._store.after(after, limit, register_id), self._store.oldest_seq())
        )
        return LogSlice(entries, oldest_seq, self._store.log_epoch)

    def wait_for_transactions(self, after: int, timeout_s: float) -> bool:
        """Block until the log goes beyond ``after``, the time is over or the node stops."""
        deadline = time.monotonic() + timeout_s
        while self._driver.last_seq <= after and self._running:
            if not self._driver.log_grew.wait(deadline - time.monotonic()):
                break
        return self._driver.last_seq > after

    def payload(self, tx_hash: TxHash) -> bytes | None:
        """The payload of a transaction that is stored or queued here."""
        return self._store_thread.call(self._store.payload, tx_hash)

    def metrics_text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return self._metrics.text()

    def plugins(self) -> Sequence[Mapping[str, Any]]:
        """What is installed."""
        return [asdict(info) for info in self._plugin_manager.infos()]

    # Small things.

    @property
    def _listen(self) -> tuple[str, int]:
        return parse_host_port(self._config.communication.listen)

    @property
    def _name(self) -> str:
        return self._config.node.name or self._identity.peer_id[:8]

    def _is_known(self, tx_hash: TxHash) -> bool:
        return bool(self._store_thread.call(self._store.known, [tx_hash]))

    def _gauges(self) -> dict[str, float]:
        return {
            "dedup_bloom_fill_ratio": self._filter.fill_ratio,
            "network_partition_detected": 0,
            "fetching": self._driver.core.fetching,
            "storage_queue": self._storage.waiting,
            "send_backlog_bytes": self._driver.send_backlog_bytes,
        }

    def _counters(self) -> dict[str, float]:
        counters = self._driver.core.counters
        return {
            "gossip_rounds": self._driver.core.gossip_rounds,
            "sync_recovered": counters.synced,
            "transactions_rejected": counters.rejected,
            "dropped": self._driver.dropped_frames,
        }
