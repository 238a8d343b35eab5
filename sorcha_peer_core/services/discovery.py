"""Finding peers and staying linked to them: bootstrap, exchange of signed records, dialling, the peer table."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from apscheduler.schedulers.gevent import GeventScheduler
from gevent.event import Event as Signal

from sorcha_peer_core.errors import TransportError
from sorcha_peer_core.model.ids import PeerId, short
from sorcha_peer_core.model.messages import Goodbye, Message, Peers, PeersRequest
from sorcha_peer_core.model.peer import BootstrapEntry, PeerRecord, PeerRow, parse_bootstrap
from sorcha_peer_core.protocol.retry import backoff_s
from sorcha_peer_core.services.security import is_genuine
from sorcha_peer_core.services.session import HandshakeRefused

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
        save: Callable[[Sequence[PeerRow]], None],
        rng: Random,
    ) -> None:
        self._config = config
        self._bootstrap = [_Bootstrap(parse_bootstrap(text)) for text in config.bootstrap_nodes]
        self._membership = membership
        self._links = links
        self._supervisor = supervisor
        self._thread = thread
        self._links_wanted = links_wanted
        self._save = save
        self._rng = rng
        self._signal = Signal()
        self._stopping = False
        self._first_seen_at: dict[PeerId, int] = {}
        self._last_seen_at: dict[PeerId, int] = {}
        self._unsaved: set[PeerId] = set()
        self._scheduler = GeventScheduler()
        self.last_discovery_at: int | None = None
        """Unix seconds at which a peer last told whom it knows."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when somebody became known, linked or lost."""

    # Life.

    def restore(self, rows: Sequence[PeerRow]) -> None:
        """Take the peer table of an earlier run: with it a node rejoins without any bootstrap node."""
        for row in rows:
            if self._membership.learned(row.record, time.monotonic()):
                self._first_seen_at[row.record.peer_id] = row.first_seen_at
                self._last_seen_at[row.record.peer_id] = row.last_seen_at

    def start(self) -> None:
        """Begin to dial, and to refresh and save now and then."""
        self._supervisor.spawn("discovery", self._run)
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
        """Write what changed in the peer table since the last time; blocks on the store."""
        changed, self._unsaved = self._unsaved, set()
        rows = [self._row(peer_id) for peer_id in changed]
        if rows:
            self._save([row for row in rows if row is not None])

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
        self._membership.unlinked(peer_id, time.monotonic())
        self._changed()

    def received(self, peer_id: PeerId, message: Message) -> None:
        """A message about peers; does not block."""
        if isinstance(message, PeersRequest):
            records = self._membership.records(min(message.most, self._config.max_peers_in_list))
            others = [record for record in records if record.peer_id != peer_id]
            for at in range(0, len(others), _RECORDS_PER_FRAME):
                self._links.send(peer_id, Peers(tuple(others[at : at + _RECORDS_PER_FRAME])))
        elif isinstance(message, Peers):
            self.last_discovery_at = int(time.time())
            news = [record for record in message.records if self._membership.is_news(record)]
            if news:
                self._supervisor.spawn("peer records", self._learn, peer_id, news)
        elif isinstance(message, Goodbye):
            log.info("peer %s says goodbye: %s", short(peer_id), message.reason)

    # Greenlets.

    def _learn(self, source: PeerId, records: Sequence[PeerRecord]) -> None:
        genuine = self._thread.call(lambda: [record for record in records if is_genuine(record)])
        network_id = self._links.network_id
        now = time.monotonic()
        fresh = [r for r in genuine if r.network_id == network_id and self._membership.learned(r, now)]
        if fresh:
            for record in fresh:
                self._first_seen_at.setdefault(record.peer_id, int(time.time()))
                self._unsaved.add(record.peer_id)
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
        settled = bootstrap.is_self or bootstrap.dialling or bootstrap.peer_id is not None
        return not settled and bootstrap.dial_at <= now

    def _dial_bootstrap(self, bootstrap: _Bootstrap) -> None:
        entry = bootstrap.entry
        try:
            bootstrap.peer_id = self._links.dial([entry.endpoint], entry.peer_id)
            self._unsaved.add(bootstrap.peer_id)
        except (TransportError, HandshakeRefused) as error:
            self._bootstrap_failed(bootstrap, error)
        finally:
            bootstrap.dialling = False
            self._signal.set()

    def _bootstrap_failed(self, bootstrap: _Bootstrap, error: Exception) -> None:
        endpoint = bootstrap.entry.endpoint
        bootstrap.is_self = self._links.is_own(endpoint)
        if bootstrap.is_self:
            return
        if bootstrap.failures == 0:
            log.warning("the bootstrap node %s does not answer (%s); trying again until it does", endpoint, error)
        pause_s = backoff_s(bootstrap.failures, 1.0, self._config.retry_interval_s, self._rng)
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
        waiting = [b.dial_at for b in self._bootstrap if not (b.is_self or b.dialling or b.peer_id)]
        next_dial_at = self._membership.next_dial_at()
        if next_dial_at is not None:
            waiting.append(next_dial_at)
        # Not below 20 ms: peers that cannot be dialled for want of room stay due.
        return max(0.02, min([at - now for at in waiting], default=_IDLE_S))

    def _changed(self) -> None:
        self.on_change()
        self._signal.set()

    # The peer table.

    def _note_seen(self, peer_id: PeerId) -> None:
        self._last_seen_at[peer_id] = int(time.time())
        self._first_seen_at.setdefault(peer_id, self._last_seen_at[peer_id])
        self._unsaved.add(peer_id)

    def _row(self, peer_id: PeerId) -> PeerRow | None:
        member = self._membership.get(peer_id)
        if member is None:
            return None
        seen_at = self.last_seen_at(peer_id)
        first_seen_at = self._first_seen_at.get(peer_id, seen_at)
        return PeerRow(member.record, first_seen_at, seen_at, member.failures, self.is_bootstrap(peer_id))
