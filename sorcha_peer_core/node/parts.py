"""The parts of one node and how they hang together."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from sorcha_peer_core import __version__
from sorcha_peer_core.builtin.addresses import InterfaceResolver
from sorcha_peer_core.builtin.hash_filter import BloomHashFilter
from sorcha_peer_core.model.events import DeadLetter
from sorcha_peer_core.model.ids import PeerId, short
from sorcha_peer_core.model.messages import DialBack, DialledBack, Farewell
from sorcha_peer_core.model.peer import parse_bootstrap
from sorcha_peer_core.node.knobs import core_config
from sorcha_peer_core.node.own_address import OwnAddress, own_address
from sorcha_peer_core.node.tracing import Tracing
from sorcha_peer_core.protocol.core import Core
from sorcha_peer_core.protocol.discovery import Discovery
from sorcha_peer_core.protocol.discovery_host import DiscoveryConfig
from sorcha_peer_core.protocol.peer_table import PeerTable
from sorcha_peer_core.protocol.reputation import Deed, Standing
from sorcha_peer_core.services.bans import BanDisk, Bans
from sorcha_peer_core.services.clock import ClockWatch
from sorcha_peer_core.services.conduct import Conduct
from sorcha_peer_core.services.discovery import DiscoveryService, Disk, Limits
from sorcha_peer_core.services.driver import Driver
from sorcha_peer_core.services.links import Links
from sorcha_peer_core.services.outbox import Outbox
from sorcha_peer_core.services.own_record import OwnRecord
from sorcha_peer_core.services.retention import Retention
from sorcha_peer_core.services.schedule import Schedule
from sorcha_peer_core.services.security import TransactionRules
from sorcha_peer_core.services.session import LocalSide
from sorcha_peer_core.services.storage import Done, Storage
from sorcha_peer_core.services.verifier import Verifier
from sorcha_peer_core.wire.compress import FORMS

if TYPE_CHECKING:
    from sorcha_peer_core.config import Config
    from sorcha_peer_core.interfaces.address import AddressResolver
    from sorcha_peer_core.interfaces.store import Store
    from sorcha_peer_core.interfaces.strategy import Strategy
    from sorcha_peer_core.model.messages import Message
    from sorcha_peer_core.services.events import EventBus
    from sorcha_peer_core.services.identity import Identity
    from sorcha_peer_core.services.native import NativeThread
    from sorcha_peer_core.services.pace import Pace
    from sorcha_peer_core.services.peer_link import PeerLink
    from sorcha_peer_core.services.store_care import StoreCare
    from sorcha_peer_core.services.supervisor import Supervisor
    from sorcha_peer_core.services.tls.modes import Protection

SOFTWARE = f"sorcha-peer/{__version__}"
_FILTER_HASHES = 350_000
"""One generation of the filter: about 0.7 s of start-up for a log that long."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What everything else stands on: who the node is, where it keeps things, its threads and greenlets."""

    config: Config
    identity: Identity
    protection: Protection
    store: Store
    store_thread: NativeThread
    care: StoreCare
    crypto_thread: NativeThread
    pace: Pace
    supervisor: Supervisor
    events: EventBus
    rng: Random

    @property
    def name(self) -> str:
        """What people call this node."""
        return self.config.node.name or self.identity.peer_id[:8]


@dataclass(frozen=True, slots=True)
class Parts:
    """A node, put together."""

    ground: Ground
    filter: BloomHashFilter
    own: OwnRecord
    driver: Driver
    verifier: Verifier
    storage: Storage
    links: Links
    outbox: Outbox
    discovery: DiscoveryService
    schedule: Schedule
    address: OwnAddress
    tracing: Tracing
    clock: ClockWatch
    retention: Retention
    bans: Bans
    conduct: Conduct


def assemble(ground: Ground, strategy: Strategy, resolvers: Sequence[AddressResolver], stored: Callable[[Done], None]) -> Parts:
    """Build everything on an open store; ``stored`` hears of every commit. Nothing runs yet. Blocks on the store."""
    config, store_thread = ground.config, ground.store_thread
    found = _filter(ground)
    own = OwnRecord(ground.identity, config.node.network_id, ground.name, SOFTWARE, _tls_keys(ground))

    def aside(peer_id: PeerId, message: Message) -> None:
        if isinstance(message, DialBack | DialledBack):
            address.received(peer_id, message)
        else:
            discovery.received(peer_id, message)

    def carried_out(done: Done) -> None:
        driver.carried_out(done)
        outbox.carried_out(done)
        stored(done)

    clock = ClockWatch(ground.events.emit, lambda: links.peers)
    driver = Driver(ground.events, found, aside, clock.network_ms)
    verifier = Verifier(_rules(config), ground.crypto_thread, driver.verified, clock.network_ms)
    storage = Storage(ground.store, store_thread, ground.events, carried_out)
    tracing = Tracing()
    driver.attach(Core(core_config(config), driver, strategy, found, ground.rng, tracing.traces), storage, verifier)
    driver.last_seq = ground.store.totals()[1]
    driver.cursors.update(store_thread.call(ground.store.cursors))
    bans, conduct = _judges(ground)
    links = Links(
        _local_side(ground, own, bans),
        driver,
        ground.events,
        ground.supervisor,
        max_connections=config.communication.max_connections,
        cursor_of=driver.cursors.get,
        own_hosts=InterfaceResolver().resolve,
        stretch=lambda: ground.pace.stretch,
    )
    outbox = Outbox(
        config.offline_mode,
        ground.identity,
        config.node.network_id,
        config.transaction_distribution.transaction_cache_ttl_s,
        store=ground.store,
        store_thread=store_thread,
        signer=ground.crypto_thread,
        driver=driver,
    )
    discovery = _discovery(ground, strategy, links)
    address = own_address(ground, resolvers, own, links)
    retention = _retention(ground, clock, lambda: bool(links.peers))
    schedule = Schedule()
    parts = Parts(
        ground,
        found,
        own,
        driver,
        verifier,
        storage,
        links,
        outbox,
        discovery,
        schedule,
        address,
        tracing,
        clock,
        retention,
        bans,
        conduct,
    )
    _introduce(parts)
    return parts


def _introduce(parts: Parts) -> None:
    """Have the parts hear of each other's news."""
    links, discovery, tracing = parts.links, parts.discovery, parts.tracing

    def linked(peer: PeerLink) -> None:
        tracing.linked(peer)
        discovery.linked(peer)
        parts.conduct.linked(peer.peer_id)

    def unlinked(peer_id: PeerId, farewell: Farewell) -> None:
        discovery.unlinked(peer_id, farewell)
        parts.conduct.unlinked(peer_id)

    links.on_clock, parts.outbox.clock_is_off, parts.clock.on_right = parts.clock.heard, parts.clock.is_off, parts.outbox.wake
    parts.ground.pace.on_recovered = discovery.hurry
    parts.outbox.on_dead = lambda tx_hash, reason: parts.ground.events.emit(DeadLetter(tx_hash, reason))
    links.on_linked, links.on_unlinked, links.newcomers = linked, unlinked, discovery.newcomers
    links.coming, links.visits.on_turned_away = discovery.coming, discovery.knocked
    discovery.rtt_of_link = lambda peer: parts.driver.core.rtt_s(peer.index)
    parts.bans.on_banned, parts.bans.on_lifted = (lambda peer_id: _part_with(parts, peer_id)), discovery.unban
    _watch_conduct(parts)
    discovery.ban([ban.peer_id for ban in parts.bans.all()])
    discovery.on_change = lambda: _peers_changed(parts)
    parts.address.service.on_moved = discovery.hurry


def _watch_conduct(parts: Parts) -> None:
    """Have everybody tell what peers do, and carry out what follows."""
    conduct, links = parts.conduct, parts.links

    def regard(peer_id: PeerId, standing: Standing) -> None:
        peer = links.peers.get(peer_id)
        if peer is not None:
            parts.driver.regard(peer.index, standing)

    def part(peer_id: PeerId, reason: str, for_s: float) -> None:
        parts.discovery.avoid(peer_id, for_s)
        links.hang_up(peer_id, reason, Farewell.ENOUGH)

    conduct.on_regard, conduct.on_part = regard, part
    links.discourages, parts.driver.on_deed = conduct.discourages, conduct.noticed
    links.on_broken_rules = lambda peer_id: conduct.noticed(peer_id, Deed.BROKE_RULES)
    parts.discovery.on_false_records = lambda peer_id: conduct.noticed(peer_id, Deed.FALSE_RECORD)


def _part_with(parts: Parts, peer_id: PeerId) -> None:
    parts.discovery.ban([peer_id])
    parts.links.hang_up(peer_id, f"peer {short(peer_id)} is banned by this node")


def _peers_changed(parts: Parts) -> None:
    parts.driver.post(parts.driver.core.known_peers, parts.discovery.members.live)
    parts.outbox.wake()


def _filter(ground: Ground) -> BloomHashFilter:
    distribution = ground.config.transaction_distribution
    found = BloomHashFilter(secrets.token_bytes(16), distribution.bloom_reset_interval_s)
    store = ground.store
    complete = store.totals()[0] <= _FILTER_HASHES
    ground.store_thread.call(lambda: found.fill(store.recent_hashes(_FILTER_HASHES), complete))
    return found


def _discovery(ground: Ground, strategy: Strategy, links: Links) -> DiscoveryService:
    store, call = ground.store, ground.store_thread.call
    config = ground.config.peer_discovery
    table = PeerTable(call(store.peer_table_secret), config.max_peers_in_list)
    entries = [parse_bootstrap(text) for text in config.bootstrap_nodes]
    knobs = _discovery_config(ground.config, strategy)
    return DiscoveryService(
        lambda host: Discovery(ground.identity.peer_id, knobs, table, host, ground.rng, entries),
        links,
        ground.supervisor,
        ground.crypto_thread,
        disk=Disk(lambda rows: call(store.save_peers, rows), lambda peer_ids: call(store.forget_peers, peer_ids)),
        emit=ground.events.emit,
        limits=Limits(config.peer_timeout_s, config.max_concurrent_discoveries, lambda: ground.pace.stretch),
    )


def _discovery_config(config: Config, strategy: Strategy) -> DiscoveryConfig:
    discovery = config.peer_discovery
    return DiscoveryConfig(
        network_id=config.node.network_id,
        links_wanted=strategy.links_wanted,
        max_links=config.communication.max_connections,
        max_peers=discovery.max_peers_in_list,
        min_healthy=discovery.min_healthy_peers,
        max_concurrent=discovery.max_concurrent_discoveries,
        retry_most_s=discovery.retry_interval_s,
        failure_threshold=discovery.failure_threshold,
    )


def _retention(ground: Ground, clock: ClockWatch, has_links: Callable[[], bool]) -> Retention:
    distribution = ground.config.transaction_distribution
    return Retention(
        ground.store,
        ground.store_thread,
        distribution.transaction_cache_ttl_s,
        distribution.retention_bytes,
        # Without anybody to compare it with, no clock is believed; nothing arrives then either.
        is_sure_of_time=lambda: has_links() and not clock.flaw,
    )


def _rules(config: Config) -> TransactionRules:
    return TransactionRules(config.node.network_id, config.transaction_distribution.max_transaction_bytes)


def _judges(ground: Ground) -> tuple[Bans, Conduct]:
    store, call = ground.store, ground.store_thread.call
    disk = BanDisk(lambda ban: call(store.save_ban, ban), lambda peer_ids: call(store.lift_bans, peer_ids))
    bans = Bans(ground.identity.peer_id, disk, ground.events.emit)
    bans.restore(call(store.bans))
    spared = frozenset(map(PeerId, ground.config.security.allowed_peers))
    return bans, Conduct(ground.config.security.reputation, bans, ground.supervisor, ground.events.emit, spared=spared)


def _local_side(ground: Ground, own: OwnRecord, bans: Bans) -> LocalSide:
    config = ground.config
    return LocalSide(
        identity=ground.identity,
        record=lambda: own.record,
        network_id=config.node.network_id,
        max_transaction_bytes=config.transaction_distribution.max_transaction_bytes,
        log_epoch=ground.store.log_epoch,
        allowed_peers=frozenset(map(PeerId, config.security.allowed_peers)),
        trust=ground.protection.trust,
        is_banned=bans.refuses,
        forms=FORMS if config.transaction_distribution.enable_compression else (),
    )


def _tls_keys(ground: Ground) -> tuple[bytes, ...]:
    credentials = ground.protection.credentials
    return credentials.tls_keys if credentials else ()
