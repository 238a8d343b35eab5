"""Finding peers and staying linked to them: bootstrap, exchange of signed records, dialling, the peer table."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from apscheduler.schedulers.gevent import GeventScheduler
from gevent.event import Event as Signal

from sorcha_peer_core.errors import StoreError, TransportError
from sorcha_peer_core.model.ids import PeerId, short
from sorcha_peer_core.model.messages import Goodbye, Message, Peers, PeersRequest
from sorcha_peer_core.model.peer import BootstrapEntry, PeerRecord, PeerRow, parse_bootstrap
from sorcha_peer_core.protocol.retry import backoff_s
from sorcha_peer_core.services.security import is_genuine
from sorcha_peer_core.services.session import DialledItself, HandshakeRefused

if TYPE_CHECKING:
    from sorcha_peer_core.config import PeerDiscoverySection
    from sorcha_peer_core.protocol.membership import Membership
    from sorcha_peer_core.services.links import Links
    from sorcha_peer_core.services.native import NativeThread
    from sorcha_peer_core.services.peer_link import PeerLink
    from sorcha_peer_core.services.supervisor import Supervisor

log = logging.getLogger(__name__)

_RECORDS_PER_FRAME = 50
_SAVE_INTERVAL_S = 10.0
_IDLE_S = 30.0
_FIRST_RETRY_S = 1.0
_REQUEST_PAUSE_S = 1.0
"""A peer that asks more often whom this node knows is not answered: a short question, a long answer."""


class PeerTable(NamedTuple):
    """How the peer table is kept; both calls block and may raise StoreError."""

    save: Callable[[Sequence[PeerRow]], None]
    forget: Callable[[Sequence[PeerId]], None]


@dataclass(slots=True)
class _Bootstrap:
    """A configured first contact and how it went so far."""

    entry: BootstrapEntry
    peer_id: PeerId | None = None
    is_self: bool = False
    failures: int = 0
    dial_at: float = 0.0
    dialling: bool = False


class Discovery:
    """Keeps a node linked to as many peers as its strategy wants."""

    def __init__(
        self,
        config: PeerDiscoverySection,
        membership: Membership,
        links: Links,
        supervisor: Supervisor,
        thread: NativeThread,
        *,
        links_wanted: Callable[[int], int],
        table: PeerTable,
        rng: Random,
    ) -> None:
        self._config = config
        self._bootstrap = [_Bootstrap(parse_bootstrap(text)) for text in config.bootstrap_nodes]
        self._membership = membership
        self._links = links
        self._supervisor = supervisor
        self._thread = thread
        self._links_wanted = links_wanted
        self._table = table
        self._rng = rng
        self._signal = Signal()
        self._stopping = False
        self._first_seen_at: dict[PeerId, int] = {}
        self._last_seen_at: dict[PeerId, int] = {}
        self._unsaved: set[PeerId] = set()
        self._learning: Counter[PeerId] = Counter()
        """Records of each source whose signatures are being checked."""
        self._answered_at: dict[PeerId, float] = {}
        # A hub that was busy, or a machine that slept, makes up for a missed run with one.
        self._scheduler = GeventScheduler(job_defaults={"misfire_grace_time": None, "coalesce": True})
        self.last_discovery_at: int | None = None
        """Unix seconds at which a peer last told whom it knows."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when somebody became known, linked or lost."""

    # Life.

    def restore(self, rows: Sequence[PeerRow]) -> None:
        """Take the peer table of an earlier run: with it a node rejoins without any bootstrap node."""
        for row in rows:
            self._first_seen_at[row.record.peer_id] = row.first_seen_at
            self._last_seen_at[row.record.peer_id] = row.last_seen_at
            self._membership.learned(row.record, time.monotonic())

    def start(self) -> None:
        """Begin to dial, and to refresh and save now and then."""
        self._supervisor.spawn_vital("discovery", self._run)
        self._scheduler.add_job(self.refresh, "interval", seconds=self._config.refresh_interval_s, id="refresh")
        self._scheduler.add_job(self.save_table, "interval", seconds=_SAVE_INTERVAL_S, id="save peer table")
        self._scheduler.start()

    def stop(self) -> None:
        """Dial no more."""
        self._stopping = True
        self._signal.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def refresh(self) -> None:
        """Ask every linked peer whom it knows."""
        self._links.broadcast(PeersRequest(self._config.max_peers_in_list))

    def save_table(self) -> None:
        """Write what changed in the peer table since the last time; blocks on the store. What fails is tried next time."""
        changed, self._unsaved = self._unsaved, set()
        rows = [row for row in map(self._row, changed) if row is not None]
        gone = [peer_id for peer_id in self._first_seen_at if self._is_gone(peer_id)]
        try:
            if rows:
                self._table.save(rows)
            if gone:
                self._table.forget(gone)
        except StoreError as error:
            self._unsaved |= changed
            log.warning("the peer table was not saved: %s", error)
            return
        for peer_id in gone:
            self._first_seen_at.pop(peer_id, None)
            self._last_seen_at.pop(peer_id, None)

    def last_seen_at(self, peer_id: PeerId) -> int:
        """Unix seconds of the last contact; now for a linked peer, 0 for one never met."""
        if peer_id in self._links.peers:
            return int(time.time())
        return self._last_seen_at.get(peer_id, 0)

    def is_bootstrap(self, peer_id: PeerId) -> bool:
        """Whether this peer answered at a configured first contact."""
        return any(bootstrap.peer_id == peer_id for bootstrap in self._bootstrap)

    # What happens.

    def linked(self, peer: PeerLink) -> None:
        """A link came up: its record is proved, others should hear of it, and it is asked whom it knows."""
        now = time.monotonic()
        is_new = self._membership.learned(peer.record, now)
        self._membership.linked(peer.peer_id)
        self._note_seen(peer.peer_id)
        self._links.send(peer.peer_id, PeersRequest(self._config.max_peers_in_list))
        if is_new:
            self._links.broadcast(Peers((peer.record,)), but=(peer.peer_id,))
        self._changed()

    def unlinked(self, peer_id: PeerId) -> None:
        """The last link to a peer is gone."""
        self._note_seen(peer_id)
        self._answered_at.pop(peer_id, None)
        self._membership.unlinked(peer_id, time.monotonic())
        self._changed()

    def received(self, peer_id: PeerId, message: Message) -> None:
        """A message about peers; does not block."""
        if isinstance(message, PeersRequest):
            self._tell(peer_id, message.most)
        elif isinstance(message, Peers):
            self.last_discovery_at = int(time.time())
            # Nobody honest tells more than a list holds: what goes beyond it is not worth the checking.
            room = self._config.max_peers_in_list - self._learning[peer_id]
            news = [record for record in message.records if self._membership.is_news(record)][: max(room, 0)]
            if news:
                self._learning[peer_id] += len(news)
                self._supervisor.spawn("peer records", self._learn, peer_id, news)
        elif isinstance(message, Goodbye):
            log.info("peer %s says goodbye: %s", short(peer_id), message.reason)

    def _tell(self, peer_id: PeerId, most: int) -> None:
        now = time.monotonic()
        if now - self._answered_at.get(peer_id, -inf) < _REQUEST_PAUSE_S:
            return
        self._answered_at[peer_id] = now
        records = self._membership.records(min(most, self._config.max_peers_in_list))
        others = [record for record in records if record.peer_id != peer_id]
        # Also with nobody to tell of: an answer is an answer.
        for at in range(0, max(1, len(others)), _RECORDS_PER_FRAME):
            self._links.send(peer_id, Peers(tuple(others[at : at + _RECORDS_PER_FRAME])))

    # Greenlets.

    def _learn(self, source: PeerId, records: Sequence[PeerRecord]) -> None:
        try:
            genuine = self._thread.call(lambda: [record for record in records if is_genuine(record)])
        finally:
            self._learning[source] -= len(records)
            if not self._learning[source]:
                del self._learning[source]
        network_id = self._links.network_id
        now = time.monotonic()
        fresh = [r for r in genuine if r.network_id == network_id and self._membership.learned(r, now)]
        if fresh:
            for record in fresh:
                self._first_seen_at.setdefault(record.peer_id, int(time.time()))
                self._unsaved.add(record.peer_id)
            self._links.learned(fresh)
            self._links.broadcast(Peers(tuple(fresh)), but=(source,))
            self._changed()

    def _run(self) -> None:
        while not self._stopping:
            now = time.monotonic()
            for bootstrap in self._bootstrap:
                if self._should_dial(bootstrap, now):
                    bootstrap.dialling = True
                    self._supervisor.spawn(f"dial {bootstrap.entry.endpoint}", self._dial_bootstrap, bootstrap)
            wanted = self._links_wanted(self._membership.hopeful)
            for peer_id in self._membership.to_dial(now, wanted, self._config.max_concurrent_discoveries):
                self._membership.dialling(peer_id)
                self._supervisor.spawn(f"dial {short(peer_id)}", self._dial_member, peer_id)
            self._signal.wait(self._pause_s(now))
            self._signal.clear()

    def _should_dial(self, bootstrap: _Bootstrap, now: float) -> bool:
        return self._is_needed(bootstrap) and bootstrap.dial_at <= now

    def _is_needed(self, bootstrap: _Bootstrap) -> bool:
        """A first contact has done its part once it answered, until nobody is linked any more."""
        if bootstrap.is_self or bootstrap.dialling:
            return False
        return bootstrap.peer_id is None or not self._links.peers

    def _dial_bootstrap(self, bootstrap: _Bootstrap) -> None:
        entry = bootstrap.entry
        try:
            bootstrap.peer_id = self._links.dial([entry.endpoint], entry.peer_id)
            bootstrap.failures, bootstrap.dial_at = 0, time.monotonic() + _FIRST_RETRY_S
            self._unsaved.add(bootstrap.peer_id)
        except (TransportError, HandshakeRefused) as error:
            self._bootstrap_failed(bootstrap, error)
        finally:
            bootstrap.dialling = False
            self._signal.set()

    def _bootstrap_failed(self, bootstrap: _Bootstrap, error: Exception) -> None:
        endpoint = bootstrap.entry.endpoint
        bootstrap.is_self = isinstance(error, DialledItself) or self._links.is_own(endpoint)
        if bootstrap.is_self:
            return
        if bootstrap.failures == 0:
            log.warning("the bootstrap node %s does not answer (%s); trying again until it does", endpoint, error)
        pause_s = backoff_s(bootstrap.failures, _FIRST_RETRY_S, self._config.retry_interval_s, self._rng)
        bootstrap.failures += 1
        bootstrap.dial_at = time.monotonic() + pause_s

    def _dial_member(self, peer_id: PeerId) -> None:
        member = self._membership.get(peer_id)
        try:
            if member is not None and peer_id not in self._links.peers:
                self._links.dial(member.record.endpoints, peer_id)
        except (TransportError, HandshakeRefused) as error:
            self._membership.dial_failed(peer_id, time.monotonic())
            log.debug("could not link to peer %s: %s", short(peer_id), error)
            self._unsaved.add(peer_id)
            self.on_change()
        finally:
            self._membership.dial_over(peer_id)
            self._signal.set()

    def _pause_s(self, now: float) -> float:
        waiting = [bootstrap.dial_at for bootstrap in self._bootstrap if self._is_needed(bootstrap)]
        next_dial_at = self._membership.next_dial_at()
        if next_dial_at is not None:
            waiting.append(next_dial_at)
        # What is due and was not dialled waits for a link or a dial to end, which sets the signal.
        return min([at - now for at in waiting if at > now], default=_IDLE_S)

    def _changed(self) -> None:
        self.on_change()
        self._signal.set()

    # The peer table.

    def _note_seen(self, peer_id: PeerId) -> None:
        self._last_seen_at[peer_id] = int(time.time())
        self._first_seen_at.setdefault(peer_id, self._last_seen_at[peer_id])
        self._unsaved.add(peer_id)

    def _is_gone(self, peer_id: PeerId) -> bool:
        return self._membership.get(peer_id) is None and peer_id not in self._links.peers

    def _row(self, peer_id: PeerId) -> PeerRow | None:
        member = self._membership.get(peer_id)
        if member is None:
            return None
        seen_at = self.last_seen_at(peer_id)
        first_seen_at = self._first_seen_at.get(peer_id, seen_at)
        return PeerRow(member.record, first_seen_at, seen_at, member.failures, self.is_bootstrap(peer_id))
