"""The parts of one node and how they hang together."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from sorcha_peer_core import __version__
from sorcha_peer_core.builtin.hash_filter import BloomHashFilter
from sorcha_peer_core.model.ids import PeerId
from sorcha_peer_core.node.knobs import core_config
from sorcha_peer_core.protocol.core import Core
from sorcha_peer_core.protocol.membership import Membership
from sorcha_peer_core.services.discovery import Discovery, PeerTable
from sorcha_peer_core.services.driver import Driver
from sorcha_peer_core.services.links import Links
from sorcha_peer_core.services.outbox import Outbox
from sorcha_peer_core.services.own_record import OwnRecord
from sorcha_peer_core.services.security import TransactionRules
from sorcha_peer_core.services.session import LocalSide
from sorcha_peer_core.services.state import ServiceState
from sorcha_peer_core.services.storage import Done, Storage
from sorcha_peer_core.services.verifier import Verifier

if TYPE_CHECKING:
    from sorcha_peer_core.config import Config
    from sorcha_peer_core.interfaces.store import Store
    from sorcha_peer_core.interfaces.strategy import Strategy
    from sorcha_peer_core.model.messages import Message
    from sorcha_peer_core.services.events import EventBus
    from sorcha_peer_core.services.identity import Identity
    from sorcha_peer_core.services.native import NativeThread
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
    crypto_thread: NativeThread
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
    membership: Membership
    state: ServiceState
    own: OwnRecord
    driver: Driver
    verifier: Verifier
    storage: Storage
    links: Links
    outbox: Outbox
    discovery: Discovery


def assemble(ground: Ground, strategy: Strategy, stored: Callable[[Done], None]) -> Parts:
    """Build everything on an open store; ``stored`` hears of every commit. Nothing runs yet. Blocks on the store."""
    config, store_thread = ground.config, ground.store_thread
    found = _filter(ground)
    membership = _membership(ground)
    own = OwnRecord(ground.identity, config.node.network_id, ground.name, SOFTWARE, _tls_keys(ground))

    def aside(peer_id: PeerId, message: Message) -> None:
        discovery.received(peer_id, message)

    def carried_out(done: Done) -> None:
        driver.carried_out(done)
        stored(done)

    driver = Driver(ground.events, found, aside)
    rules = TransactionRules(config.node.network_id, config.transaction_distribution.max_transaction_bytes)
    verifier = Verifier(rules, ground.crypto_thread, driver.verified)
    storage = Storage(ground.store, store_thread, ground.events, carried_out)
    driver.attach(Core(core_config(config), driver, strategy, found, ground.rng), storage, verifier)
    driver.last_seq = ground.store.totals()[1]
    driver.cursors.update(store_thread.call(ground.store.cursors))
    links = Links(
        _local_side(ground, own),
        driver,
        ground.events,
        ground.supervisor,
        max_connections=config.communication.max_connections,
        cursor_of=driver.cursors.get,
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
    discovery = Discovery(
        config.peer_discovery,
        membership,
        links,
        ground.supervisor,
        ground.crypto_thread,
        links_wanted=lambda known: min(strategy.links_wanted(known), config.communication.max_connections),
        table=PeerTable(
            save=lambda rows: store_thread.call(ground.store.save_peers, rows),
            forget=lambda peer_ids: store_thread.call(ground.store.forget_peers, peer_ids),
        ),
        rng=ground.rng,
    )
    state = ServiceState(config.peer_discovery.min_healthy_peers, ground.events.emit)
    parts = Parts(ground, found, membership, state, own, driver, verifier, storage, links, outbox, discovery)
    links.on_linked, links.on_unlinked = discovery.linked, discovery.unlinked
    discovery.on_change = lambda: _peers_changed(parts)
    return parts


def _peers_changed(parts: Parts) -> None:
    linked, hopeful = len(parts.links.peers), parts.membership.hopeful
    parts.state.update(linked, hopeful)
    parts.driver.post(parts.driver.core.known_peers, hopeful)
    parts.outbox.wake()


def _filter(ground: Ground) -> BloomHashFilter:
    distribution = ground.config.transaction_distribution
    found = BloomHashFilter(secrets.token_bytes(16), distribution.bloom_reset_interval_s)
    store = ground.store
    complete = store.totals()[0] <= _FILTER_HASHES
    ground.store_thread.call(lambda: found.fill(store.recent_hashes(_FILTER_HASHES), complete))
    return found


def _membership(ground: Ground) -> Membership:
    discovery = ground.config.peer_discovery
    return Membership(
        ground.identity.peer_id,
        ground.rng,
        most=discovery.max_peers_in_list,
        failure_threshold=discovery.failure_threshold,
        retry_most_s=discovery.retry_interval_s,
    )


def _local_side(ground: Ground, own: OwnRecord) -> LocalSide:
    config = ground.config
    return LocalSide(
        identity=ground.identity,
        record=lambda: own.record,
        network_id=config.node.network_id,
        max_transaction_bytes=config.transaction_distribution.max_transaction_bytes,
        log_epoch=ground.store.log_epoch,
        allowed_peers=frozenset(map(PeerId, config.security.allowed_peers)),
        trust=ground.protection.trust,
    )


def _tls_keys(ground: Ground) -> tuple[bytes, ...]:
    credentials = ground.protection.credentials
    return credentials.tls_keys if credentials else ()
