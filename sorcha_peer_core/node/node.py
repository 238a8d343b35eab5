"""One node: in which order it starts and stops, and what it does for services."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import SystemRandom
from time import monotonic
from typing import TYPE_CHECKING, Any

from gevent.event import Event as Signal

from sorcha_peer_core.builtin import plugin as builtin_plugin
from sorcha_peer_core.config import Config, Section
from sorcha_peer_core.errors import StoreError
from sorcha_peer_core.interfaces.transport import CertifiedElsewhere, TransportContext
from sorcha_peer_core.interfaces.views import Health, JobView, NodeStatus, PeerView, PluginAnswer, ProtectionView
from sorcha_peer_core.model.events import StateChanged
from sorcha_peer_core.model.messages import Peers
from sorcha_peer_core.model.peer import Endpoint, parse_host_port
from sorcha_peer_core.node.choice import Choice, choose
from sorcha_peer_core.node.classic import ClassicServices, classic_services
from sorcha_peer_core.node.log_reading import LogReading
from sorcha_peer_core.node.observing import Observing
from sorcha_peer_core.node.operating import Operating
from sorcha_peer_core.node.parts import Ground, Parts, assemble
from sorcha_peer_core.node.report import Report
from sorcha_peer_core.node.submitting import Submitting
from sorcha_peer_core.plugin_manager import PluginManager, chosen_names, described
from sorcha_peer_core.protocol.breaker import BreakerConfig
from sorcha_peer_core.services.bans import EXPIRED_EVERY_S
from sorcha_peer_core.services.bootstrap_sources import ASK_INTERVAL_S, bootstrap_entries
from sorcha_peer_core.services.clock import CHECKED_EVERY_S as CLOCK_CHECKED_EVERY_S
from sorcha_peer_core.services.conduct import REVIEWED_EVERY_S
from sorcha_peer_core.services.data_dir import DataDirLock
from sorcha_peer_core.services.events import EventBus
from sorcha_peer_core.services.identity import Identity, load_or_create_identity
from sorcha_peer_core.services.metrics import Metrics
from sorcha_peer_core.services.native import NativeThread
from sorcha_peer_core.services.pace import Pace
from sorcha_peer_core.services.plaintext import check_plaintext
from sorcha_peer_core.services.plugin_reports import PluginReports
from sorcha_peer_core.services.retention import PRUNED_EVERY_S
from sorcha_peer_core.services.store_care import CHECKED_EVERY_S, StoreCare, StoreThread
from sorcha_peer_core.services.supervisor import Supervisor
from sorcha_peer_core.services.tls.modes import Protection, protect
from sorcha_peer_core.services.visits import BESIDE_LINKS

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import Service
    from sorcha_peer_core.interfaces.transport import Transport
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.services.storage import Done

log = logging.getLogger(__name__)

_CERTIFICATES_CHECKED_EVERY_S = 5.0


def default_plugins() -> PluginManager:
    """The built-in plugin and all that are installed."""
    return PluginManager([("builtin", builtin_plugin)])


class Node(Submitting, LogReading, Observing, Operating):
    """One node. ``start`` and ``stop`` once each; in between it is a :class:`NodeApi` for services."""

    def __init__(self, config: Config, plugins: PluginManager | None = None, *, notices: Sequence[str] = ()) -> None:
        super().__init__()
        self._config = config
        self._plugin_manager = plugins or default_plugins()
        self._lock = DataDirLock(config.data_dir)
        self._store_thread = StoreThread()
        self._services: list[Service] = []
        self._stopping = Signal()
        self._classic: ClassicServices | None = None
        self._last_status: NodeStatus | None = None
        self._certified_elsewhere: Sequence[CertifiedElsewhere] = ()
        self._notices = notices
        self.on_new_log: Callable[[str], None] = lambda reason: None
        """Called, with a sentence, when the store was mended while the node ran and its log is another one now: what is in
        memory still counts on the old one. Stop the node from another greenlet and start one anew, with these ``notices``."""
        self.on_broken: Callable[[str], None] = lambda reason: None
        """Called, with a sentence, when a part failed that the node cannot work without: stop it from another greenlet."""

    # Life.

    def start(self) -> None:
        """Come up; returns when peers can link and submissions are taken.

        Raises:
            ConfigError, PluginError: a setting is wrong; nothing was started.
            StartError, StoreError: a port, file or directory stands in the way; what was started was stopped again.
        """
        choice = choose(self._config, self._plugin_manager)
        self._lock.acquire()
        try:
            self._start(choice)
        except BaseException:
            self.stop("the start failed")
            raise
        self._running = True

    def stop(self, reason: str) -> None:
        """Go down in order: services, own submissions on their way, links, then what is still to be written. Idempotent."""
        self._running = False
        self._stopping.set()
        classic, self._classic = self._classic, None
        if classic is not None:
            classic.api.stop()
        parts, self._parts = self._parts, None
        if parts is not None:
            self._last_status, self._notices = self._report.status(), parts.ground.care.notices
            # Whoever waits for the log, for deliveries or for events learns that nothing more will come.
            parts.ground.events.end()
            parts.driver.log_grew.set()
            parts.outbox.settled.set()
        grace_s, begin_s = self._config.communication.shutdown_grace_s, monotonic()
        for service in reversed(self._services):
            _stop_service(service, grace_s / 3)
        self._services = []
        if parts is not None:
            # What was accepted a moment ago is better off with the network than on the disk of a node that is away.
            parts.outbox.drain(begin_s + grace_s / 3 - monotonic())
            _stop_parts(parts, grace_s, reason)
        self._lock.release()

    def _start(self, choice: Choice) -> None:
        identity = load_or_create_identity(self._config.data_dir)
        protection = protect(self._config.security, self._config.data_dir, self._config.node.network_id, identity.peer_id)
        ground = self._ground(choice, identity, protection)
        ground.care.notices.extend(self._notices)
        ground.care.open()
        ground.care.on_new_log = lambda reason: self.on_new_log(reason)  # noqa: PLW0108 - set later
        self._parts = parts = assemble(ground, choice.strategy, choice.resolvers, self._stored)
        self._report = report = Report(parts)
        self._reports = PluginReports(self._plugin_manager.metric_sources(self), self._plugin_manager.health_checks(self))
        self._metrics = Metrics(self._reading(parts, report))
        self._listen(choice, parts)
        self._run(parts)
        self._keep_history(parts)
        self._ask_for_first_contacts(choice, parts)
        self._start_services()

    def _ground(self, choice: Choice, identity: Identity, protection: Protection) -> Ground:
        supervisor, events = Supervisor(), EventBus()
        supervisor.on_vital_failure = lambda name: self.on_broken(f"an internal error ended its {name}; the log has more")
        return Ground(
            config=self._config,
            identity=identity,
            protection=protection,
            store=choice.store,
            store_thread=self._store_thread,
            care=StoreCare(choice.store, self._store_thread, events, supervisor),
            crypto_thread=NativeThread(),
            pace=Pace(),
            supervisor=supervisor,
            events=events,
            rng=SystemRandom(),
        )

    def _listen(self, choice: Choice, parts: Parts) -> None:
        communication = self._config.communication
        plaintext, allowed = parts.ground.protection.credentials is None, self._config.security.allow_insecure_network
        if plaintext and communication.listen:
            check_plaintext([Endpoint("grpc", *parse_host_port(communication.listen))], allowed)
        breaker = BreakerConfig(communication.circuit_breaker_threshold, communication.circuit_breaker_reset_s)
        transports = self._build_transports(choice, parts)
        self._certified_elsewhere = [transport for transport in transports if isinstance(transport, CertifiedElsewhere)]
        self._certify(parts)
        listening = parts.links.start(transports, communication.rung_timeout_s, breaker, communication.connection_timeout_s)
        parts.discovery.can_dial([scheme for transport in transports for scheme in transport.schemes])
        if plaintext:
            # Transports may have listeners of their own.
            check_plaintext(listening, allowed)
        self._report.listening = listening
        parts.address.start(transports, listening, parts.schedule)

    def _build_transports(self, choice: Choice, parts: Parts) -> list[Transport]:
        config = self._config
        distribution = config.transaction_distribution
        shared: dict[str, Any] = {}
        self._classic = classic = classic_services(parts, self.payload, lambda submission: self.submit([submission]))
        contexts = [
            TransportContext(
                listen=parse_host_port(config.communication.listen) if config.communication.listen else None,
                settings=config.plugins.get(offer.name, {}),
                peer_api=classic.api,
                data_dir=config.data_dir,
                max_transaction_bytes=distribution.max_transaction_bytes,
                streaming_threshold_bytes=distribution.streaming_threshold_bytes,
                max_connections=config.communication.max_connections + BESIDE_LINKS,
                credentials=parts.ground.protection.credentials,
                shared=shared,
            )
            for offer in choice.transports
        ]
        transports = [offer.build(context) for offer, context in zip(choice.transports, contexts, strict=True)]
        classic.ask_through(transports)
        return transports

    def _run(self, parts: Parts) -> None:
        supervisor = parts.ground.supervisor
        for name, run in (
            ("driver", parts.driver.run),
            ("verifier", parts.verifier.run),
            ("storage", parts.storage.run),
            ("outbox", parts.outbox.run),
            ("pace", parts.ground.pace.run),
        ):
            supervisor.spawn_vital(name, run)
        if parts.ground.protection.credentials is not None:
            supervisor.spawn("certificates", self._watch_certificates, parts)
        supervisor.spawn("upward probes", self._climb, parts)
        store = parts.ground.store
        rows, anchors = self._store_thread.call(lambda: (store.peers(), store.anchors()))
        parts.discovery.start(rows, parts.schedule, self._config.peer_discovery.refresh_interval_s, anchors)
        parts.schedule.every(PRUNED_EVERY_S, "retention", parts.retention.run)
        parts.schedule.every(CLOCK_CHECKED_EVERY_S, "clock", parts.clock.check)
        parts.schedule.every(EXPIRED_EVERY_S, "bans", parts.bans.expire)
        parts.schedule.every(REVIEWED_EVERY_S, "reputation", parts.conduct.review)
        parts.schedule.every(CHECKED_EVERY_S, "care of the store", parts.ground.care.check)
        parts.schedule.start()

    def _ask_for_first_contacts(self, choice: Choice, parts: Parts) -> None:
        if not choice.bootstrap_sources:
            return
        entries = bootstrap_entries(self._config.peer_discovery, choice.bootstrap_sources)

        def ask() -> None:
            parts.discovery.first_contacts(entries())

        def ask_again() -> None:
            if parts.discovery.state != "online":
                ask()

        parts.ground.supervisor.spawn("bootstrap sources", ask)
        parts.schedule.every(ASK_INTERVAL_S, "bootstrap sources", ask_again)

    def _watch_certificates(self, parts: Parts) -> None:
        credentials = parts.ground.protection.credentials
        while credentials is not None and not self._stopping.wait(_CERTIFICATES_CHECKED_EVERY_S):
            credentials.refresh()
            if self._certify(parts):
                parts.links.broadcast(Peers((parts.own.record,)))
            # Also without news: certificates of open links run out.
            parts.links.recheck()

    def _certify(self, parts: Parts) -> bool:
        """Name in the record the keys of all certificates that peers may see here; False when it names them already."""
        credentials = parts.ground.protection.credentials
        elsewhere = (key for transport in self._certified_elsewhere for key in transport.tls_keys)
        keys = tuple(dict.fromkeys([*(credentials.tls_keys if credentials else ()), *elsewhere]))
        if keys == parts.own.record.tls_keys:
            return False
        parts.own.certified_by(keys)
        return True

    def _climb(self, parts: Parts) -> None:
        interval_s = self._config.communication.upgrade_probe_interval_s
        pause_s = interval_s
        while not self._stopping.wait(pause_s):
            begin_s = monotonic()
            parts.links.climb()
            # From probe to probe, however long they take: but never without a break.
            pause_s = max(min(1.0, interval_s), interval_s - (monotonic() - begin_s))

    def _start_services(self) -> None:
        for service in self._plugin_manager.services(self):
            self._services.append(service)
            service.start()

    def _stored(self, done: Done) -> None:
        for arrival in done.stored:
            if not arrival.own:
                self._metrics.arrived(arrival.transaction.header.created_ms, arrival.received_ms)

    # NodeApi.

    @property
    def notices(self) -> Sequence[str]:
        """What damage was found and mended, since the process began."""
        return self._parts.ground.care.notices if self._parts else self._notices

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
        return self._last_status or self._report.status()

    def health(self) -> Health:
        """Live while the greenlets run, ready while the store takes submissions."""
        flaws = self._report.flaws()
        if self._running:
            flaws += self._reports.reasons()
        else:
            flaws.append("the node is starting or stopping")
        return Health(live=not self._report.broken, ready=not flaws, reasons=flaws)

    def peers(self) -> list[PeerView]:
        """All known peers, linked ones first."""
        return self._report.peers()

    def peer(self, peer_id: PeerId) -> PeerView | None:
        """One known peer."""
        return self._report.peer(peer_id)

    def protection(self) -> ProtectionView:
        """How links are encrypted."""
        return self._report.protection()

    def jobs(self) -> Sequence[JobView]:
        """What the node does every so often."""
        return self._assembled.schedule.jobs()

    def plugins(self) -> Sequence[Mapping[str, Any]]:
        """What is installed."""
        chosen = chosen_names(self._config)
        return [described(info, chosen) for info in self._plugin_manager.infos()]

    def plugin_answers(self, hook: str) -> Sequence[PluginAnswer]:
        """What plugins say to a hook that some plugin has brought."""
        return self._plugin_manager.answers(hook, node=self)


def _stop_service(service: Service, grace_s: float) -> None:
    try:
        service.stop(grace_s)
    except Exception:
        # A plugin's trouble must not keep the links open and the store unclosed.
        log.exception("the service %s could not be stopped", service.name)


def _save_peers(parts: Parts) -> None:
    store, anchors = parts.ground.store, parts.discovery.anchors
    try:
        parts.discovery.save_table()
        if anchors:
            parts.ground.store_thread.call(store.save_anchors, anchors)
    except StoreError as error:
        log.warning("the peer table was not saved: %s", error)


def _stop_parts(parts: Parts, grace_s: float, reason: str) -> None:
    ground = parts.ground
    ground.events.emit(StateChanged("stopping", reason))
    parts.schedule.stop()
    parts.retention.stop()
    ground.pace.stop()
    parts.discovery.stop()
    parts.address.stop()
    parts.outbox.stop()
    _save_peers(parts)
    parts.links.stop(grace_s / 3)
    parts.verifier.stop()
    parts.storage.stop()
    parts.driver.stop()
    ground.supervisor.stop(grace_s / 3)
    ground.care.close()
    ground.store_thread.stop()
    ground.crypto_thread.stop()
